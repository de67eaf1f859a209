"""A real uvicorn in a thread of this process, with limits that a test can wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from firmlight.serving import protocols
from firmlight.serving.connections import Connections, Limits

QUICK = {"head_seconds": 0.6, "head_bytes": 4096, "window_seconds": 0.6, "bytes_per_second": 1000}
WIDE = {
    "pipelined": 8,
    "stranger_bytes": 10_000,
    "per_address": 50,
    "connections": 1000,
    "retry_seconds": 7,
}


@dataclass
class Running:
    """`connections` are those of its event loop, once there was one."""

    server: uvicorn.Server
    limits: Limits
    watches: list[Connections]

    @property
    def port(self) -> int:
        return self.server.servers[0].sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> Connections:
        return self.watches[0]


Serve = Callable[..., Running]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """serve(app, head_seconds=1): a server that runs until the test is over."""
    ends: list[Callable[[], None]] = []

    def start(app: Any, **changes: Any) -> Running:
        limits = Limits(**{**QUICK, **WIDE, **changes})
        watches: list[Connections] = []

        class Http(protocols.Http):
            def watch(self) -> Connections:
                if not watches:
                    watches.append(Connections(limits, self.loop))
                return watches[0]

        config = uvicorn.Config(
            app,
            port=0,
            log_config=None,
            lifespan="off",
            http=Http,
            ws=protocols.WebSocket,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.005)

        def end() -> None:
            server.should_exit = True
            thread.join()

        ends.append(end)
        return Running(server, limits, watches)

    yield start
    for end in ends:
        end()
