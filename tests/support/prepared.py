"""What systems under test begin with, made once for all test processes: it would be a third of a
start's work.

The static files are laid out and the client's wheel is built, and there is a database with all its
tables: a file of SQLite, or a template on the PostgreSQL server that the tests run on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from filelock import FileLock

# in the environment: a folder of all processes of this run, named by `tests.plugin`
SHARED = "FIRMLIGHT_TESTS_SHARED"


def static_root() -> Path:
    return _made("files", _prepare_files) / "static"


def lay_database(file: Path) -> None:
    """On SQLite: a copy of it, in this file."""
    shutil.copyfile(_made("sqlite", _prepare_sqlite) / "firmlight.sqlite3", file)


def template(make: Callable[[str], str]) -> str:
    """On PostgreSQL: its name. `make(name)` makes an empty database, and returns its URL."""
    name = f"template_{Path(os.environ[SHARED]).name}"

    def prepare(folder: Path) -> None:
        (folder / "name").write_text(name)
        _run("database", DATABASE_URL=make(name))

    _made("template", prepare)
    return name


def template_made() -> str | None:
    """Its name, if there is one."""
    file = Path(os.environ[SHARED]) / "template" / "name"
    return file.read_text() if file.exists() else None


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name. The first who asks makes it; others wait until it is whole."""
    folder = Path(os.environ[SHARED])
    made = folder / name
    with FileLock(folder / f"{name}.lock"):
        if not made.exists():
            half = folder / f"{name}-half"
            half.mkdir()
            make(half)
            half.rename(made)
    return made


def _prepare_files(folder: Path) -> None:
    _run("files", STATIC_ROOT=str(folder / "static"))


def _prepare_sqlite(folder: Path) -> None:
    _run("database", DATABASE_URL=f"sqlite:///{folder}/firmlight.sqlite3")


def _run(part: str, **place: str) -> None:
    command = [sys.executable, "-m", "firmlight", "prepare", part]
    subprocess.run(command, env=os.environ | place, cwd=settings.BASE_DIR, check=True)
