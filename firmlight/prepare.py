"""Django's part of a start: the settings read, the checks made, the database migrated, the files
laid out.

`python -m firmlight prepare` does all of it, with `database` or `files` that half: an image lays
out the static files and the client's wheel when it is built, and migrates when it is started.

One process for all, because importing Django takes longer than the rest. It ends with 1 after one
line on standard error, the last it prints, when something is wrong.
"""

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PARTS = ("database", "files")


def main(parts: Sequence[str]) -> int:
    """Prepare these parts, or all of them; return the exit code."""
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management.base import CommandError
    from django.db import DatabaseError

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")
    try:
        _prepare(parts or PARTS)
    except (ImproperlyConfigured, CommandError, DatabaseError, ValueError, OSError) as error:
        sys.stdout.flush()  # Django's own words wait there when standard output is a file
        sys.stderr.write(f"{_one_line(error)}\n")
        return 1
    return 0


def _prepare(parts: Sequence[str]) -> None:
    """Raises ValueError for a part that is not one of PARTS."""
    import django

    if unknown := set(parts) - set(PARTS):
        raise ValueError(f"prepare {' and '.join(PARTS)}, not {min(unknown)}")
    django.setup()
    if "database" in parts:
        _prepare_database()
    if "files" in parts:
        _collect_static()
        _build_client()


def _prepare_database() -> None:
    from django.core.management import call_command

    call_command("check", verbosity=0)
    _reach_database()
    call_command("migrate", interactive=False, verbosity=0, skip_checks=True)


def _reach_database() -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connection

    from core import databases

    try:
        connection.introspection.table_names()
    except databases.failures(ImproperlyConfigured) as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be used: {error}") from None


def _collect_static() -> None:
    """Copy and compress the static files, unless nothing changed since the last time."""
    from django.conf import settings
    from django.core.management import call_command

    stamp = Path(settings.STATIC_ROOT) / ".collected"
    found = _fingerprint()
    if stamp.exists() and stamp.read_text() == found:
        return
    call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
    stamp.write_text(found)


def _build_client() -> None:
    from core import client_wheel

    client_wheel.build()


def _fingerprint() -> str:
    """Of the name, size and time of every static file there is."""
    from django.contrib.staticfiles.finders import get_finders

    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            changed = time.mktime(storage.get_modified_time(path).timetuple())
            digest.update(f"{path}\0{storage.size(path)}\0{changed}\n".encode())
    return digest.hexdigest()


def _one_line(error: Exception) -> str:
    """The error's own words; of Django's multi-line reports the line that carries the news."""
    text = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    news = [line for line in lines if line.startswith("?:") or ": (" in line]
    return (news or lines or [type(error).__name__])[0]
