"""Large inputs and results: files in the storage `files` of Django's STORAGES.

A file is addressed by its area, the hour in which it was written, and the SHA-256 of its bytes.
Equal bytes of one hour are one file. A writer always writes into the present hour, and a purge
deletes in hours that are long over, so neither can be in the other's way, on any storage.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.utils import timezone

from core.errors import Unavailable

INPUTS, RESULTS = "inputs", "results"  # the areas
HOUR = "%Y%m%d%H"
log = structlog.get_logger(__name__)


class FilesUnavailable(Unavailable):
    """The file storage refuses or does not answer; nothing was accepted."""

    message = "The server's file storage does not answer. Try again in a minute."


def storage() -> Storage:
    return storages["files"]


def write(area: str, data: bytes) -> str:
    """Store these bytes; returns the file's name. They are on the disk then.

    Raises FilesUnavailable.
    """
    name = f"{area}/{timezone.now().astimezone(UTC):{HOUR}}/{digest_of(data)}"
    try:
        if not storage().exists(name):
            storage().save(name, ContentFile(data))
    except Exception as error:  # each storage raises its own
        log.exception("file_not_written", file=name)
        raise FilesUnavailable from error
    return name


def read(name: str) -> bytes | None:
    """The bytes of a file; None if it is gone, or no longer what was written.

    Raises FilesUnavailable.
    """
    try:
        with storage().open(name) as file:
            data = bytes(file.read())
    except FileNotFoundError:
        return None
    except Exception as error:
        log.exception("file_not_read", file=name)
        raise FilesUnavailable from error
    if digest_of(data) != digest_in(name):
        log.error("file_damaged", file=name)
        return None
    return data


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest_in(name: str) -> str:
    """The digest that a file's name ends with."""
    return name.rpartition("/")[2]


def purge(area: str, hours: float, keep: Collection[str] = ()) -> int:
    """Delete the files written more than so many hours ago, and return how many.

    Those whose digest is in `keep` stay. Begins no further file after PURGE_SECONDS_MAX.
    """
    ends, deleted = time.monotonic() + settings.PURGE_SECONDS_MAX, 0
    for folder in _hours_before(area, timezone.now() - timedelta(hours=hours)):
        names = storage().listdir(folder)[1]
        unwanted = [name for name in names if name not in keep]
        for name in unwanted:
            if time.monotonic() > ends:
                return deleted
            storage().delete(f"{folder}/{name}")
            deleted += 1
        if len(unwanted) == len(names):
            _drop_folder(folder)
    return deleted


def _hours_before(area: str, moment: datetime) -> list[str]:
    """The folders of the hours that were over then, the oldest first."""
    try:
        hours = storage().listdir(area)[0]
    except FileNotFoundError:  # nothing was ever written there
        return []
    last = f"{moment.astimezone(UTC):{HOUR}}"
    return [f"{area}/{hour}" for hour in sorted(hours) if hour < last]


def _drop_folder(folder: str) -> None:
    """Drop an empty folder. Storages that know no folders have nothing to do."""
    try:
        storage().delete(folder)
    except OSError:  # another purge has dropped it
        log.info("folder_not_dropped", folder=folder)
