"""The commands of docs/how-to/backup.md, run as they are written.

Only folders and addresses are replaced by those of the systems here.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings

from embedded.home import Home
from embedded.system import System
from tests.support.databases import fresh
from tests.support.needed import needs
from tests.support.patient import PatientLab
from tests.support.systems import SHORT
from tests.support.worker import Worker
from tests.system.lab import TLS

PAGE = Path(settings.BASE_DIR) / "docs" / "how-to" / "backup.md"
NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "mongodb": "MongoDB"}
DATABASE = NAMES[settings.DATABASE_URL.partition(":")[0]]
TOOL = {"SQLite": "sqlite3", "PostgreSQL": "pg_dump", "MongoDB": "mongodump"}[DATABASE]
NUMBERS, LONG = 40, 150

pytestmark = needs(TOOL, "redis-cli", "bash")


def commands(heading: str) -> str:
    """What the page says to type under this heading."""
    (section,) = [
        text
        for text in re.split(r"^#+ ", PAGE.read_text(), flags=re.M)
        if text.startswith(f"{heading}\n")
    ]
    (found,) = re.findall(r"^```sh\n(.*?)^```", section, flags=re.M | re.S)
    return found


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """The folder in which the commands are typed."""
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder


@pytest.fixture
def typed(copies: Path) -> Callable[..., None]:
    """typed("Restore Redis", home, DATABASE_URL=…): the commands under this heading, on the files
    of this home.
    """

    def run(heading: str, home: Home, **environment: str) -> None:
        lines = (
            commands(heading)
            .replace("/srv/firmlight", str(home.root))
            .replace("/srv/redis", str(home.redis))
        )
        done = subprocess.run(
            ["bash", "-ec", lines],
            cwd=copies,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    return run


@contextmanager
def restored(var: Path, old: System, restore: Callable[[Home, str], None]) -> Iterator[System]:
    """Another system with a database of its own, started from the restored copies.

    It has the secret key of the old one.
    """
    with fresh() as database:
        home = Home(var)
        home.create()
        restore(home, as_told(database.get("DATABASE_URL", "")))
        kept = {name: old.environment[name] for name in ("STATIC_ROOT", "SECRET_KEY")}
        with System(home.root, env=SHORT | database | kept) as system:
            yield system


def as_told(url: str) -> str:
    """The address as PostgreSQL's programs want it: a socket's folder is not in the path."""
    if not url.startswith("postgres"):
        return url
    parts = urlsplit(url)
    folder, _, name = parts.path[1:].rpartition("/")
    return f"postgres:///{name}?host={folder}&user={parts.username}" if folder else url


def server(redis_url: str) -> dict[str, str]:
    """Where this Redis is, for redis-cli."""
    parts = urlsplit(redis_url)
    return {
        "REDIS_HOST": parts.hostname or "",
        "REDIS_PORT": str(parts.port),
        "REDISCLI_AUTH": parts.password or "",
    }


def test_a_system_goes_on_where_its_copies_were_made(
    system: System, typed: Callable[..., None], tmp_path: Path
) -> None:
    old = system
    with PatientLab(old.url) as lab:
        worker = Worker(old.url, lab.worker_token(1), "desk", tmp_path / "desk")
        done = lab.submit(count=NUMBERS, collect=True)
        lab.is_exact(done, NUMBERS)
        half = lab.submit(count=LONG, collect=True, seconds=0.1)
        lab.until(lambda: lab.task(half), lambda found: found["counts"]["done"] > 3)
        typed("Redis", old.home, **server(old.redis_url))
        typed(DATABASE, old.home, DATABASE_URL=as_told(old.environment["DATABASE_URL"]))
        typed("Files", old.home)
        assert lab.task(half)["status"] == "running"
        worker.kill()
        people, token, after = (
            [client.headers for client in lab.api],
            lab.worker_token(1),
            lab.submit(count=1),
        )
        for task in (half, after):  # what becomes of them there is not looked at
            lab.ask("POST", f"tasks/{task}/cancel/")

    def restore(home: Home, url: str) -> None:
        typed(f"Restore {DATABASE}", home, DATABASE_URL=url)
        typed("Restore Redis", home)
        typed("Restore the files", home)

    with restored(tmp_path / "second", old, restore) as new:
        lab.api = [
            httpx.Client(base_url=f"{new.url}/api/", headers=headers, verify=TLS)
            for headers in people
        ]
        assert lab.result(done)["values"] == list(range(NUMBERS))
        worker = Worker(new.url, token, "desk", tmp_path / "another desk", slots=4)
        lab.is_exact(half, LONG)
        assert lab.ask("GET", f"tasks/{after}/").status_code == 404
        worker.kill()
        lab.__exit__()
