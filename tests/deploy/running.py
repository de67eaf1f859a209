"""The processes of a deployment, by its own command lines, on this machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import redis

from embedded import redis_server
from embedded.system import NO_CERTIFICATES
from tests.deploy.files import NAME, ROOT
from tests.support.patient import until

THROUGH_PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", "Host": NAME}
TOOLS = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# The command behind it sees a file system in which only the folders named can be written, as in a
# container with a read-only root.
SHUT = """
for folder in "$1" "$2"; do mount --bind "$folder" "$folder"; done
mount -o remount,bind,ro / && shift 2 && exec "$@"
"""


def can_shut() -> bool:
    """It takes root, on Linux."""
    words = ["unshare", "--mount", "true"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0
    )


class Running:
    """The processes of one deployment.

    `folder` holds the image's tree (`app`), logs, and the folders that processes may write to
    (`tmp`, `home`).
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.app = folder, folder / "app"
        self.port, self.redis_port = free_port(), free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("tmp", "home", "redis"):
            (folder / name).mkdir()
        self.environment = {
            **environment,
            "PATH": f"{TOOLS}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "STATIC_ROOT": str(folder / "static"),
            "CLIENT_ROOT": str(folder / "client"),
            "FILES_ROOT": str(folder / "tmp" / "files"),
            "REDIS_URL": f"redis://:{environment['REDIS_PASSWORD']}@127.0.0.1:{self.redis_port}",
            "LOG_REQUESTS": "1",
            "METRICS_WRITE_SECONDS": "0.5",
        }
        for name in ("BROKER_URL", "CHANNEL_LAYER_URL", "CACHE_URL"):
            self.environment.pop(name, None)  # one server does for all of them here
        self.environment.setdefault("DATABASE_URL", f"sqlite:///{folder / 'tmp'}/firmlight.sqlite3")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, command: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
        env = {**self.environment, **more}
        return subprocess.run(
            command, env=env, cwd=self.app, capture_output=True, text=True, timeout=120
        )

    def start_shut(self, name: str, command: Sequence[str]) -> None:
        """On a read-only root, if that can be made here."""
        folders = [str(self.folder / "tmp"), str(self.folder / "home")]
        shut = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SHUT, "sh", *folders]
        self.start(name, [*shut, *command] if can_shut() else command)

    def start(self, name: str, command: Sequence[str], **more: str) -> None:
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env={**self.environment, **more},
                cwd=self.app,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start_redis(self, command: Sequence[str]) -> None:
        """With the options of this command; the program is that of this machine."""
        _, *options = command
        place = [
            "--port",
            str(self.redis_port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder / "redis"),
        ]
        self.start("redis", [redis_server.find().path, *options, *place])
        until(self._redis_answers, seconds=10)

    def _redis_answers(self) -> bool:
        with redis.Redis.from_url(self.environment["REDIS_URL"]) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(
            f"{self.url}{path}",
            headers={**THROUGH_PROXY, **headers},
            trust_env=False,
            verify=NO_CERTIFICATES,
        )

    def is_ready(self) -> bool:
        living = {name: process.poll() for name, process in self.processes.items()}
        assert set(living.values()) == {None}, {
            name: self.log(name).read_text()[-2000:] for name in living
        }
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, name: str, how: int = signal.SIGTERM, seconds: float = 30) -> int:
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait(seconds)

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


def lines_with(file: Path, word: str) -> list[str]:
    return [line for line in file.read_text().splitlines() if word in line]


def tree(folder: Path) -> dict[str, int]:
    """{file: when it was changed}"""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def seconds_of(text: str) -> float:
    """ "20s" of a compose file."""
    found = re.fullmatch(r"(\d+)s", text)
    assert found, text
    return float(found[1])


__all__ = [
    "NAME",
    "ROOT",
    "THROUGH_PROXY",
    "Running",
    "free_port",
    "lines_with",
    "seconds_of",
    "tree",
]
