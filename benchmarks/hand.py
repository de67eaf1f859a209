"""A worker made by hand, as slow as is wanted: it speaks the protocol and sleeps for each ECHO
subtask.
"""

from __future__ import annotations

import contextlib
import threading
import time

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from firmlight_client import protocol


class HandWorker(threading.Thread):
    """One slot that takes `each` seconds for a subtask. Started at once, ended by `close`."""

    def __init__(self, url: str, token: str, name: str, each: float) -> None:
        super().__init__(daemon=True)
        self.each = each
        self.held: list[str] = []
        self.closed = threading.Event()
        self.socket = connect(
            f"ws{url.removeprefix('http')}/ws/worker/",
            subprotocols=[Subprotocol(protocol.SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
        )
        self.say(protocol.Hello(name=name, slots=1, kinds={"ECHO": "1"}, client_version="0.1.0"))
        self.start()

    def close(self) -> None:
        self.closed.set()
        self.socket.close()
        self.join(5)

    def say(self, frame: protocol.Frame) -> None:
        self.socket.send(protocol.encode(frame))

    def run(self) -> None:
        try:
            while True:
                frame = protocol.decode_from_server(self.socket.recv())  # type: ignore[arg-type]
                if isinstance(frame, protocol.Welcome):
                    threading.Thread(
                        target=self.beat, args=(frame.heartbeat_seconds,), daemon=True
                    ).start()
                    self.say(protocol.Ready(slots=1))
                elif isinstance(frame, protocol.Lease):
                    self.work(frame)
                elif isinstance(frame, protocol.Refused) and frame.open:
                    self.give(frame.lease, frame.open)
        except ConnectionClosed:
            pass

    def beat(self, seconds: float) -> None:
        """Heartbeats: without them a worker counts as away."""
        while not self.closed.wait(seconds):
            with contextlib.suppress(ConnectionClosed):
                self.say(protocol.Heartbeat(leases=self.held))

    def work(self, lease: protocol.Lease) -> None:
        """One subtask after the other, until somebody says that the rest is not wanted."""
        self.held = [lease.lease]
        for _ in lease.subtasks:
            if self.is_cancelled(lease.lease):
                return self.say(protocol.Ready(slots=1))
        return self.give(lease.lease, lease.subtasks)

    def is_cancelled(self, lease: str) -> bool:
        """Sleep for one subtask, with an ear at the socket."""
        end = time.monotonic() + self.each
        while (left := end - time.monotonic()) > 0:
            try:
                frame = protocol.decode_from_server(self.socket.recv(timeout=left))  # type: ignore[arg-type]
            except TimeoutError:
                return False
            if isinstance(frame, protocol.Cancel) and lease in frame.leases:
                return True
        return False

    def give(self, lease: str, subtasks: list[int]) -> None:
        partial = msgspec.msgpack.encode([len(subtasks), sum(subtasks), list(subtasks)])
        seconds = self.each * len(subtasks)
        self.say(
            protocol.Result(
                lease=lease, subtasks=subtasks, partial=partial, seconds=seconds, ready=1
            )
        )
