"""A worker's end of the socket, frame by frame."""

from __future__ import annotations

import contextlib
import time
from typing import Any, TypeVar

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from firmlight_client import kinds, protocol

F = TypeVar("F", bound=protocol.Frame)
PATIENCE_SECONDS = 10.0
ABNORMAL_CLOSE = 1006  # nobody said goodbye (RFC 6455, section 7.4.1)
ECHO = {"ECHO": "1"}


class Peer:
    """Connects and says hello; `hello=False` only connects."""

    def __init__(
        self,
        url: str,
        token: str,
        name: str,
        *,
        hello: bool = True,
        slots: int = 1,
        offered: dict[str, str] | None = None,
        leases: list[str] | None = None,
        subprotocol: str | None = protocol.SUBPROTOCOL,
        consent: dict[str, protocol.Consent] | None = None,
        version: str = "0.1.0",
    ) -> None:
        self.stack = contextlib.ExitStack()
        opening = connect(
            f"ws{url.removeprefix('http')}/ws/worker/",
            subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            max_size=protocol.FRAME_MAX_BYTES,
            close_timeout=1,
        )
        self.socket: ClientConnection = self.stack.enter_context(opening)
        if hello:
            self.send(
                protocol.Hello(
                    name=name,
                    slots=slots,
                    kinds=offered or ECHO,
                    client_version=version,
                    leases=leases or [],
                    consent=consent or {},
                )
            )
            self.welcome = self.expect(protocol.Welcome)

    def send(self, frame: protocol.Frame) -> None:
        self.socket.send(protocol.encode(frame))

    def receive(self, seconds: float = PATIENCE_SECONDS) -> Any:
        return protocol.decode_from_server(self.socket.recv(timeout=seconds))  # type: ignore[arg-type]

    def expect(self, frame: type[F], seconds: float = PATIENCE_SECONDS) -> F:
        found = self.receive(seconds)
        assert isinstance(found, frame), found
        return found

    def hears_nothing(self, seconds: float = 0.3) -> bool:
        try:
            self.receive(seconds)
        except TimeoutError:
            return True
        return False

    def beats_until_leased(self, seconds: float) -> protocol.Lease:
        """Heartbeats all the while, as an idle worker sends them."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send(protocol.Heartbeat(leases=[]))
            with contextlib.suppress(TimeoutError):
                return self.expect(protocol.Lease, 0.3)
        raise TimeoutError("no lease came")

    def ready(self, slots: int = 1) -> None:
        self.send(protocol.Ready(slots=slots))

    def lease(self) -> protocol.Lease:
        self.ready()
        return self.expect(protocol.Lease)

    def complete(self, lease: protocol.Lease, ready: int = 0, **changes: Any) -> None:
        kind = kinds.get(lease.kind)
        partial = kinds.combine_all(
            kind, [kind.run(msgspec.msgpack.decode(p)) for p in lease.payloads]
        )
        facts = {
            "subtasks": lease.subtasks,
            "partial": msgspec.msgpack.encode(partial),
            "seconds": 0.01,
            **changes,
        }
        self.send(protocol.Result(lease=lease.lease, ready=ready, **facts))

    def work(self, subtasks: int) -> None:
        """Lease and compute until so many subtasks are accepted."""
        self.ready()
        while subtasks > 0:
            frame = self.receive(30)
            if isinstance(frame, protocol.Lease):
                self.complete(frame, ready=1)
            elif isinstance(frame, protocol.Accepted):
                subtasks -= len(frame.subtasks)

    def closed_with(self) -> tuple[int, list[Any]]:
        """The close code, and the frames that came before it."""
        frames = []
        while True:
            try:
                frames.append(self.receive())
            except ConnectionClosed as closed:
                return (closed.rcvd.code if closed.rcvd else ABNORMAL_CLOSE), frames

    def cut(self) -> None:
        """Vanish without a word: the kernel closes, as it does for a killed process."""
        self.socket.socket.close()

    def close(self) -> None:
        self.stack.close()
