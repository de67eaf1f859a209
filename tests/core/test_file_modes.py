"""What our processes write is for their user alone, and what they publish is for everybody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage

from core import file_modes
from firmlight.static import HashedStaticFiles

# Runs a command of ours in this very process, and says what umask it has left behind.
RUN = """
import os, runpy, sys
os.umask(0o022)
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(f"umask {os.umask(0):03o}", flush=True)
"""


@pytest.fixture
def private() -> Iterator[None]:
    before = os.umask(0o022)
    file_modes.keep_private()
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("private")
def test_files_are_private_but_for_those_that_are_published(tmp_path: Path) -> None:
    (tmp_path / "database").touch()
    with file_modes.published():
        (tmp_path / "style.css").touch()
    (tmp_path / "log").touch()
    found = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert found == {"database": 0o600, "style.css": 0o644, "log": 0o600}


@pytest.mark.usefixtures("private")
def test_static_files_and_their_compressed_copies_can_be_read_by_a_proxy(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "style.css").write_text("a { color: #123456 } " * 200)
    storage = HashedStaticFiles(location=tmp_path / "static" / "all")
    with (source / "style.css").open("rb") as file:
        storage.save("firmlight/style.css", File(file))
    name = "firmlight/style.css"
    list(storage.post_process({name: (FileSystemStorage(location=tmp_path / "static/all"), name)}))
    assert mode(tmp_path / "static") == mode(tmp_path / "static" / "all" / "firmlight") == 0o755
    files = [path for path in (tmp_path / "static").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".css", ".gz", ".json"}
    assert {mode(path) for path in files} == {0o644}


def test_every_command_of_the_server_begins_with_a_private_umask() -> None:
    """It holds for what the command itself writes, and for the process that takes its place."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(settings.BASE_DIR)}
    for command in ("manage.py", "firmlight/__main__.py", "embedded/__main__.py"):
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(settings.BASE_DIR / command), "--help"],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.endswith("umask 077\n"), (command, done.stderr)
