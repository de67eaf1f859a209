"""Bodies of requests are read here, on the event loop, before a thread is taken for them.

A client that sends half a body costs memory within bounds, and no thread. What is too large, too slow
or more than there is room for is refused with `too_large` (413), `too_slow` (408) or `busy` (503), and
the connection ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, NamedTuple

from firmlight.errors import FirmlightError, TooLarge
from firmlight.serving.asgi_types import App, Busy, Receive, Scope, Send, refuse
from firmlight.serving.least_rate import LeastRate

BODY = "firmlight.body"  # of a scope: a Body
LINGER_SECONDS = 2  # a client that is still sending when it is refused has so long to read why


class TooSlow(FirmlightError):
    """The body did not come."""

    code, status = "too_slow", 408
    message = "The rest of this request did not arrive in time: send it again."


class Gone(Exception):
    """The client went away amid its body."""


class Body(NamedTuple):
    """What was sent: a file at its beginning, and its length in bytes."""

    file: IO[bytes]
    size: int


class Head(NamedTuple):
    """What the head of a request says about its body."""

    declared_bytes: int | None  # None: it says when it ends
    is_form_with_files: bool  # multipart
    has_credentials: bool  # a token or a session's cookie, good or not: that is Django's to judge

    @property
    def has_body(self) -> bool:
        return self.declared_bytes != 0


def read_head(scope: Scope, session_cookie: bytes) -> Head:
    size: int | None = 0
    multipart = credentials = False
    for name, value in scope["headers"]:
        if name == b"content-length":
            size = int(value) if value.isdigit() else None
        elif name == b"transfer-encoding":
            size = None
        elif name == b"content-type":
            multipart = value.lower().startswith(b"multipart/")
        elif name == b"authorization" or (name == b"cookie" and session_cookie in value):
            credentials = True
    return Head(size, multipart, credentials)


@dataclass(frozen=True)
class Limits:
    """Bytes, seconds and bytes a second.

    `seconds` is for a whole body; it must come at `bytes_per_second` at least, looked at in windows of
    `window_seconds`. `memory_bytes` of a body are kept in memory, the rest in a file; `sum_bytes` is
    for all bodies together that are being read or used.
    """

    seconds: float
    window_seconds: float
    bytes_per_second: float
    memory_bytes: int
    sum_bytes: int


class Bodies:
    """Reads the body and gives it to `app` as `scope[BODY]`; `most(scope, head)` says its bytes at most."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        most: Callable[[Scope, Head], int],
        *,
        session_cookie: str,
        retry_seconds: int,
    ) -> None:
        self.app, self.limits, self.most, self.retry_seconds = app, limits, most, retry_seconds
        self.session_cookie = f"{session_cookie}=".encode()
        self.held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = read_head(scope, self.session_cookie)
        if not head.has_body:
            await self.app({**scope, BODY: Body(BytesIO(), 0)}, receive, send)
            return
        spool = Spool(self, self.most(scope, head))
        try:
            await self._read(spool, head, receive)
        except Gone:
            spool.close()
        except FirmlightError as error:
            spool.close()
            await self._refuse(scope, receive, send, error)
        except BaseException:
            spool.close()
            raise
        else:
            await self._answer(spool, scope, receive, send)

    async def _read(self, spool: Spool, head: Head, receive: Receive) -> None:
        """Raises TooLarge, TooSlow, Busy or Gone."""
        if (head.declared_bytes or 0) > spool.most:
            raise TooLarge
        clock = asyncio.get_running_loop().time
        limits, began = self.limits, clock()
        rate = LeastRate(limits.window_seconds, limits.bytes_per_second, began)
        more = True
        while more:
            try:
                async with asyncio.timeout_at(min(rate.ends, began + limits.seconds)):
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            if message["type"] == "http.disconnect":
                raise Gone
            piece, more = message.get("body", b""), message.get("more_body", False)
            await spool.write(piece)
            rate.note(len(piece), clock())

    async def _answer(self, spool: Spool, scope: Scope, receive: Receive, send: Send) -> None:
        """The body goes when the answer begins: by then the request has been worked on."""

        async def send_without(message: Any) -> None:
            spool.close()
            await send(message)

        try:
            await self.app({**scope, BODY: spool.body()}, receive, send_without)
        finally:
            spool.close()

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: FirmlightError) -> None:
        """Once a connection is closed on which data still come, the kernel resets it, and the answer
        may be lost: what comes is dropped for a while.
        """
        await refuse(scope, send, error, more=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0 if isinstance(error, TooSlow) else LINGER_SECONDS):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Spool:
    """One body on its way in: in memory first, in a file when it grows."""

    def __init__(self, bodies: Bodies, most: int) -> None:
        self.bodies, self.most, self.size = bodies, most, 0
        self.memory_bytes = bodies.limits.memory_bytes
        self.file: IO[bytes] = BytesIO()

    async def write(self, piece: bytes) -> None:
        """Raises TooLarge and Busy."""
        if self.size + len(piece) > self.most:
            raise TooLarge
        if self.bodies.held_bytes + len(piece) > self.bodies.limits.sum_bytes:
            raise Busy(self.bodies.retry_seconds, "There is no room for this upload just now")
        self.size += len(piece)
        self.bodies.held_bytes += len(piece)
        if self.size <= self.memory_bytes:
            self.file.write(piece)
        else:
            await asyncio.to_thread(self._write_to_disk, piece)  # a disk may take its time

    def _write_to_disk(self, piece: bytes) -> None:
        if isinstance(self.file, BytesIO):
            in_memory, self.file = self.file, tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
            self.file.write(in_memory.getvalue())
        self.file.write(piece)

    def body(self) -> Body:
        self.file.seek(0)
        return Body(self.file, self.size)

    def close(self) -> None:
        """May be called twice."""
        self.file.close()
        self.bodies.held_bytes -= self.size
        self.size = 0
