"""A server's side of `/ws/worker/`, in a thread, that does what a test tells it; and a real
`firmlight work`.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from firmlight_client import protocol

F = TypeVar("F", bound=protocol.Frame)
SECONDS = 20.0
HEARTBEAT_SECONDS = 0.2
OWNER_GROUPS = {"G1": "Lab Seven"}


class Line:
    """One connection of a worker."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.frames: queue.Queue[Any] = queue.Queue()
        self.heartbeats: list[list[str]] = []

    def expect(self, kind: type[F], seconds: float = SECONDS) -> F:
        """The next frame is of this kind; heartbeats are aside, and so is a `ready` that is not
        asked for.
        """
        frame = self.frames.get(timeout=seconds)
        while isinstance(frame, protocol.Ready) and kind is not protocol.Ready:
            frame = self.frames.get(timeout=seconds)
        assert isinstance(frame, kind), frame
        return frame

    def expect_silence(self, seconds: float) -> None:
        try:
            frame = self.frames.get(timeout=seconds)
        except queue.Empty:
            return
        raise AssertionError(frame)

    def expect_heartbeats(self, leases: list[str], times: int = 1) -> None:
        """So many heartbeats from now on name exactly these."""
        seen, deadline = len(self.heartbeats), time.monotonic() + SECONDS
        while self.heartbeats[seen:].count(leases) < times:
            assert time.monotonic() < deadline, self.heartbeats
            time.sleep(0.01)

    def send(self, frame: protocol.Frame) -> None:
        self.connection.send(protocol.encode(frame))

    def welcome(
        self, leases: Sequence[str] = (), owner_groups: dict[str, str] | None = OWNER_GROUPS
    ) -> protocol.Hello:
        """Take its hello and welcome it."""
        hello = self.expect(protocol.Hello)
        self.send(
            protocol.Welcome(
                worker="w1",
                name=hello.name,
                heartbeat_seconds=HEARTBEAT_SECONDS,
                lease_seconds=1.0,
                partial_bytes_max=8 * 2**20,
                frame_max_bytes=protocol.FRAME_MAX_BYTES,
                server_version="0",
                leases=list(leases),
                groups=["Lab Seven"],
                owner_groups=owner_groups,
            )
        )
        return hello

    def lease(
        self, *payloads: Any, kind: str = "ODD", lease: str = "L1", seconds_max: float = 30.0
    ) -> None:
        """Lease subtasks 100, 101, … with these payloads."""
        self.send(
            protocol.Lease(
                lease=lease,
                task="T1",
                group="G1",
                kind=kind,
                subtasks=[100 + number for number in range(len(payloads))],
                payloads=[msgspec.msgpack.encode(payload) for payload in payloads],
                subtask_seconds_max=seconds_max,
            )
        )

    def accept(self, frame: protocol.Result | protocol.Failure | protocol.Release) -> None:
        subtasks = [frame.subtask] if isinstance(frame, protocol.Failure) else frame.subtasks
        self.send(protocol.Accepted(lease=frame.lease, subtasks=subtasks))

    def cut(self) -> None:
        """The line breaks without a word."""
        self.connection.socket.shutdown(2)

    def close(self, code: int) -> None:
        self.connection.close(code)


class Peer:
    """`lines` brings every new connection; a token other than `token` is turned away as the
    contract says.
    """

    token = "right"

    def __init__(self, port: int = 0) -> None:
        self.lines: queue.Queue[Line] = queue.Queue()
        self.server = serve(
            self._handle,
            "127.0.0.1",
            port,
            subprotocols=[protocol.SUBPROTOCOL],  # type: ignore[list-item]
            compression=None,
            max_size=protocol.FRAME_MAX_BYTES,
        )
        self.port = self.server.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.open: list[Line] = []

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.thread.join()
        for line in self.open:
            line.connection.close_socket()
            line.connection.recv_events_thread.join()

    def _handle(self, connection: ServerConnection) -> None:
        assert connection.request
        if connection.request.headers["Authorization"] != f"Bearer {self.token}":
            connection.send(
                protocol.encode(
                    protocol.Error(code="bad_token", message="This token is not known here.")
                )
            )
            connection.close(protocol.CLOSE_BAD_TOKEN)
            return
        line = Line(connection)
        self.open.append(line)
        self.lines.put(line)
        try:
            for data in connection:
                frame = protocol.decode_from_worker(data)  # type: ignore[arg-type]
                if isinstance(frame, protocol.Heartbeat):
                    line.heartbeats.append(frame.leases)
                else:
                    line.frames.put(frame)
        except ConnectionClosed:
            pass

    def line(self, seconds: float = SECONDS) -> Line:
        """The next connection."""
        return self.lines.get(timeout=seconds)


class WorkerProcess:
    """`firmlight work --plain` as a user starts it. `slots_folder` is where its slots put their
    folders.
    """

    def __init__(
        self,
        url: str,
        token: str,
        slots_folder: Path,
        options: Sequence[str],
        env: Mapping[str, str] = {},
        before: Callable[[], None] | None = None,
    ) -> None:
        slots_folder.mkdir(exist_ok=True)
        self.slots_folder = slots_folder
        known = {"FIRMLIGHT_URL": url, **({"FIRMLIGHT_TOKEN": token} if token else {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "firmlight_client", "work", "--plain", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **known, "TMPDIR": str(slots_folder), **env},
            preexec_fn=before,
        )

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exit_code(self, seconds: float = SECONDS) -> int:
        return self.process.wait(seconds)

    def words(self) -> str:
        """All it said. It must have ended."""
        assert self.process.stdout
        return self.process.stdout.read()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
