"""An older release of this repository, unpacked from git and run as its users ran it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx
import pytest

from embedded import redis_programs
from embedded.environment import DECIDED
from embedded.system import ask
from tests.support.patient import until

# Releases whose data have no number. The older one notes neither owners nor parts.
BEFORE_PARTS = "1b334ed"
BEFORE_FORMATS = "dcba551"
ROOT = Path(__file__).parents[2]
START_SECONDS_MAX, STOP_SECONDS_MAX = 150.0, 30.0


def unpack(commit: str, folder: Path) -> Path:
    """The files of this commit. Skips the test where git has no such commit."""
    command = ["git", "archive", "--format=tar", commit]
    try:
        packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"this copy of the repository has no commit {commit}")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


class OldRelease:
    """The whole system of an older release, which keeps its data in `var` and listens on `port`."""

    def __init__(self, source: Path, var: Path, port: int, env: Mapping[str, str]) -> None:
        self.source, self.url = source, f"http://127.0.0.1:{port}"
        clean = {name: value for name, value in os.environ.items() if name not in DECIDED}
        path = os.pathsep.join((str(self._servers()), os.environ.get("PATH", os.defpath)))
        place = {"VAR": str(var), "PORT": str(port), "PATH": path}
        self.log = source / "said.log"
        with self.log.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._program, "run"],
                cwd=source,
                env={**clean, **env, **place, **self.client},
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        try:
            until(self._is_ready, seconds=START_SECONDS_MAX)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def client(self) -> dict[str, str]:
        """Environment of a worker of that release, and of its server."""
        folders = [self.source, self.source / "client", self.source / "benchmarks" / "echo"]
        return {"PYTHONPATH": os.pathsep.join(map(str, folders))}

    def stop(self) -> None:
        """Stop it in order, as Ctrl-C does; harmless if it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(STOP_SECONDS_MAX)

    def _servers(self) -> Path:
        """A folder with the Redis of today's release: older ones looked for it on PATH."""
        folder = self.source / "servers"
        folder.mkdir()
        (folder / "redis-server").symlink_to(next(redis_programs.paths()))
        return folder

    @property
    def _program(self) -> str:
        return "embedded" if (self.source / "embedded").exists() else "firmlight.embedded"

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return ask(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False
