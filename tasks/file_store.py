"""Large inputs and results: files in the storage `files` of Django's STORAGES.

A file's name has its area, the hour in which it was named, a random part and the SHA-256 of its
bytes. Each is one task's own, also where bytes are equal: so it can be deleted the moment its task
does not need it, and no writer of the same bytes can be in the way, on any storage.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.utils import timezone

from core.errors import Unavailable

INPUTS, RESULTS = "inputs", "results"  # the areas
HOUR = "%Y%m%d%H"
DIGEST_CHARS = 64
log = structlog.get_logger(__name__)


class FilesUnavailable(Unavailable):
    """The file storage refuses or does not answer; nothing was accepted."""

    message = "The server's file storage does not answer. Try again in a minute."


def storage() -> Storage:
    return storages["files"]


def new_name(area: str, data: bytes) -> str:
    """A name for a file of these bytes that no other file has."""
    return f"{area}/{timezone.now().astimezone(UTC):{HOUR}}/{uuid4().hex}-{digest_of(data)}"


def write(name: str, data: bytes) -> None:
    """Store these bytes under a name of `new_name`; they are on the disk then.

    Raises FilesUnavailable.
    """
    try:
        storage().save(name, ContentFile(data))
    except Exception as error:  # each storage raises its own
        log.exception("file_not_written", file=name)
        raise FilesUnavailable from error


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
    return name[-DIGEST_CHARS:]


def delete(name: str) -> None:
    """Delete a file, if it is there. Raises FilesUnavailable."""
    try:
        storage().delete(name)
    except Exception as error:
        log.exception("file_not_deleted", file=name)
        raise FilesUnavailable from error


def purge(area: str, hours: float, keep: Collection[str] = ()) -> int:
    """Delete the files named more than so many hours ago, and return how many.

    Those whose names are in `keep` stay. Begins no further file after PURGE_SECONDS_MAX.
    """
    ends, deleted = time.monotonic() + settings.PURGE_SECONDS_MAX, 0
    for folder in _hours_before(area, timezone.now() - timedelta(hours=hours)):
        names = storage().listdir(folder)[1]
        paths = [f"{folder}/{name}" for name in names]
        unwanted = [path for path in paths if path not in keep]
        for path in unwanted:
            if time.monotonic() > ends:
                return deleted
            storage().delete(path)
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
