"""A real Redis server for one pytest process: on loopback, without a disk, gone with the tests."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from embedded import redis_server
from tests.support import watched

START_SECONDS = 10.0


class RedisServer:
    """Started by `RedisServer(folder)`, found at `.url`, emptied by `flush`, ended by `stop`."""

    def __init__(self, folder: Path, *, cluster: bool = False) -> None:
        program = redis_server.find().path
        self.folder = folder.resolve()
        for _ in range(5):  # another process may take the free port between our look and Redis's
            self.port, self.bus_port = free_port(), free_port()
            self._process = self._spawn(program, cluster=cluster)
            self.client = redis.Redis(port=self.port)
            if self._answers():
                return
            self.stop()
        raise RuntimeError(f"{program} does not start")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def flush(self) -> None:
        """Empty every database of it."""
        self.client.flushall()

    def stop(self) -> None:
        self.client.close()
        watched.end(self._process)

    def _spawn(self, program: str, *, cluster: bool) -> subprocess.Popen[bytes]:
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "save": "",
            "appendonly": "no",
        }
        options |= {"cluster-enabled": "yes", "cluster-port": self.bus_port} if cluster else {}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return watched.spawn(
            [program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _answers(self) -> bool:
        """Wait until a server answers at the port; whether it is this one."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                return self.client.config_get("dir")["dir"] == str(self.folder)
            except redis.ConnectionError:
                time.sleep(0.01)
        return False


class RedisCluster:
    """Three nodes that share the slots, for the queue (`url`), beside a server for the rest
    (`other`).
    """

    SLOTS = 16384
    NODES = 3

    def __init__(self, folder: Path) -> None:
        folders = [folder / f"node-{number}" for number in range(self.NODES)]
        for each in folders:
            each.mkdir()
        self.nodes = [RedisServer(each, cluster=True) for each in folders]
        self.other = RedisServer(folder)
        self._form()

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def _form(self) -> None:
        edges = [self.SLOTS * number // self.NODES for number in range(self.NODES + 1)]
        for node, low, high in zip(self.nodes, edges, edges[1:], strict=False):
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", low, high - 1)
            self.nodes[0].client.execute_command(
                "CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port
            )
        deadline = time.monotonic() + START_SECONDS
        while not all(self._agrees(node) for node in self.nodes):
            assert time.monotonic() < deadline, "the nodes do not find each other"
            time.sleep(0.05)

    def _agrees(self, node: RedisServer) -> bool:
        info: Any = node.client.execute_command("CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_known_nodes:%d" % self.NODES in info

    def flush(self) -> None:
        for server in (*self.nodes, self.other):
            server.flush()

    def stop(self) -> None:
        for server in (*self.nodes, self.other):
            server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
