"""Prepare a start: check settings, migrate the database, collect static files, build the client.

`python -m firmlight prepare` does all of it; `database` or `files` does one half. A container image
prepares the files when it is built, and the database when it starts.

One process does everything, because importing Django takes longer than the rest. If something is
wrong it exits with 1, and its last line on standard error says what.
"""

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PARTS = ("database", "files")


def main(parts: Sequence[str]) -> int:
    """Prepare these parts, or all if none are named; return the exit code."""
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management.base import CommandError
    from django.db import DatabaseError

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")
    try:
        _prepare(parts or PARTS)
    except (ImproperlyConfigured, CommandError, DatabaseError, ValueError, OSError) as error:
        sys.stdout.flush()  # what Django printed is still buffered if standard output is a file
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
    """Copy and compress the static files if any has changed since the last time."""
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
    """A digest of the name, size and time of every static file."""
    from django.contrib.staticfiles.finders import get_finders

    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            changed = time.mktime(storage.get_modified_time(path).timetuple())
            digest.update(f"{path}\0{storage.size(path)}\0{changed}\n".encode())
    return digest.hexdigest()


def _one_line(error: Exception) -> str:
    """The error as one line; of Django's reports with several, the line that names the problem."""
    text = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    problems = [line for line in lines if line.startswith("?:") or ": (" in line]
    return problems[0] if problems else lines[0]
