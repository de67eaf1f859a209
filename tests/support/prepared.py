"""What systems under test begin with, made once for all test processes: it would be a third of a
start's work.

The static files are laid out and the client's wheel is built, and there is a SQLite database with
all its tables.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from filelock import FileLock

from embedded.home import Home

# in the environment: a folder of all processes of this run, named by `tests.plugin`
SHARED = "FIRMLIGHT_TESTS_SHARED"


def static_root() -> Path:
    return _prepared() / "static"


def lay_database(var: Path) -> None:
    """Into the folder of a system that is to start there."""
    shutil.copyfile(_prepared() / "firmlight.sqlite3", Home(var).database)


def _prepared() -> Path:
    """The folder. The first who asks makes it; others wait until it is whole."""
    folder = Path(os.environ[SHARED])
    made = folder / "prepared"
    with FileLock(folder / "prepared.lock"):
        if not made.exists():
            half = folder / "half"
            _prepare(half)
            half.rename(made)
    return made


def _prepare(folder: Path) -> None:
    folder.mkdir()
    place = {
        "DATABASE_URL": f"sqlite:///{folder}/firmlight.sqlite3",
        "STATIC_ROOT": str(folder / "static"),
    }
    command = [sys.executable, "-m", "firmlight", "prepare"]
    subprocess.run(command, env=os.environ | place, cwd=settings.BASE_DIR, check=True)
