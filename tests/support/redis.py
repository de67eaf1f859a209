"""A real Redis server for one pytest process: loopback only, nothing on disk, gone with the tests."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import redis

from firmlight.embedded import redis_server
from tests.support import watched

START_SECONDS = 10.0


class RedisServer:
    """Started by `RedisServer(folder)`, reached at `.url`, emptied by `flush()`, ended by `stop()`."""

    def __init__(self, folder: Path) -> None:
        program = redis_server.find().path
        self.folder = folder.resolve()
        for _ in range(5):  # another process may take the free port between our look and Redis's
            self.port = free_port()
            self._process = _spawn(program, self.port, self.folder)
            self._client = redis.Redis(port=self.port)
            if self._answers():
                return
            self.stop()
        raise RuntimeError(f"{program} does not start")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def flush(self) -> None:
        """Empty every database of it."""
        self._client.flushall()

    def stop(self) -> None:
        self._client.close()
        watched.end(self._process)

    def _answers(self) -> bool:
        """Wait until a server answers at the port; whether it is this one."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._client.config_get("dir")["dir"] == str(self.folder)
            except redis.ConnectionError:
                time.sleep(0.01)
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _spawn(program: str, port: int, folder: Path) -> subprocess.Popen[bytes]:
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "no"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return watched.spawn([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
