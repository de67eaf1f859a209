"""Bodies of requests are read here, on the event loop, before a thread is taken for them.

A client that sends half a body costs memory within bounds, and no thread. A body that is too large,
too slow or more than there is room for is refused with `too_large` (413), `too_slow` (408) or
`busy` (503), and the connection ends. Its owner is looked up when it grows larger than a stranger's
may be: a made-up token gets no further.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, NamedTuple

from core.asgi_types import App, Receive, Scope, Send, busy, refuse
from core.errors import FirmlightError, TooLarge, Unauthenticated
from firmlight.serving.least_rate import LeastRate

BODY = "firmlight.body"  # of a scope: a Body
LARGE_SHARE = 0.75  # of the bytes for all bodies; the rest is for small ones, such as a log-in
LINGER_SECONDS = 2  # that a client that is still sending has to read why it is refused


class TooSlow(FirmlightError):
    """The body did not arrive in time."""

    code, status = "too_slow", 408
    message = "The rest of this request did not arrive in time: send it again."


class Gone(Exception):
    """The client disconnected while it was sending its body."""


class Body(NamedTuple):
    """What was sent: a file at its beginning, and its length in bytes."""

    file: IO[bytes]
    size: int


class Head(NamedTuple):
    """What the head of a request says about its body."""

    declared_bytes: int | None  # None: it comes in chunks
    is_form_with_files: bool  # multipart
    has_credentials: bool  # a token or a session's cookie, good or not

    @property
    def has_body(self) -> bool:
        return self.declared_bytes != 0


def read_head(scope: Scope, session_cookie: bytes) -> Head:
    """Read the headers that matter here; `session_cookie` is the cookie's name, with a "="."""
    declared_bytes: int | None = 0
    is_multipart = has_credentials = False
    for name, value in scope["headers"]:
        if name == b"content-length":
            declared_bytes = int(value) if value.isdigit() else None
        elif name == b"transfer-encoding":
            declared_bytes = None
        elif name == b"content-type":
            is_multipart = value.lower().startswith(b"multipart/")
        elif name == b"authorization" or (name == b"cookie" and session_cookie in value):
            has_credentials = True
    return Head(declared_bytes, is_multipart, has_credentials)


@dataclass(frozen=True)
class Limits:
    """Bytes, seconds and bytes a second.

    A whole body may take `seconds`, and must come at `bytes_per_second` at least, measured in
    windows of `window_seconds`. `memory_bytes` of a body are kept in memory, the rest in a file.
    Bodies that are being read or used may have `sum_bytes` together, and `owner_bytes` those of one
    user. A body larger than `stranger_bytes` needs a user.
    """

    seconds: float
    window_seconds: float
    bytes_per_second: float
    memory_bytes: int
    sum_bytes: int
    owner_bytes: int
    stranger_bytes: int


class Bodies:
    """Reads the body and gives it to `app` as `scope[BODY]`.

    `most(scope, head)` returns how many bytes it may have, `owner_of(scope)` the id of its user,
    None without one.
    """

    def __init__(
        self,
        app: App,
        limits: Limits,
        most: Callable[[Scope, Head], int],
        owner_of: Callable[[Scope], Awaitable[str | None]],
        *,
        session_cookie: str,
        retry_seconds: int,
    ) -> None:
        self.app, self.limits, self.retry_seconds = app, limits, retry_seconds
        self.most, self.owner_of = most, owner_of
        self.session_cookie = f"{session_cookie}=".encode()
        self.held_bytes = 0
        self.held_by: Counter[str] = Counter()  # bytes of each user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = read_head(scope, self.session_cookie)
        if not head.has_body:
            await self.app({**scope, BODY: Body(BytesIO(), 0)}, receive, send)
            return
        spool = Spool(self, self.most(scope, head))
        try:
            await self._read(spool, head, scope, receive)
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

    async def _read(self, spool: Spool, head: Head, scope: Scope, receive: Receive) -> None:
        """Raises TooLarge, TooSlow, Unauthenticated, Busy or Gone."""
        if head.declared_bytes is not None and head.declared_bytes > spool.most:
            raise TooLarge
        clock = asyncio.get_running_loop().time
        limits, began = self.limits, clock()
        rate = LeastRate(limits.window_seconds, limits.bytes_per_second, began)
        has_more = True
        while has_more:
            try:
                async with asyncio.timeout_at(min(rate.ends, began + limits.seconds)):
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            if message["type"] == "http.disconnect":
                raise Gone
            piece, has_more = message.get("body", b""), message.get("more_body", False)
            spool.check_size(len(piece))
            if not spool.owner and spool.size + len(piece) > limits.stranger_bytes:
                spool.belong_to(await self.owner_of(scope))
            await spool.write(piece)
            rate.note(len(piece), clock())

    async def _answer(self, spool: Spool, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request; its body is closed as soon as the answer begins."""

        async def close_and_send(message: Any) -> None:
            spool.close()
            await send(message)

        try:
            await self.app({**scope, BODY: spool.body()}, receive, close_and_send)
        finally:
            spool.close()

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, error: FirmlightError
    ) -> None:
        """Answer with the error, and drop what still comes for a while.

        Once a connection is closed on which data still come, the kernel resets it, and the answer
        may be lost. A client that was too slow is not waited for.
        """
        await refuse(scope, send, error, more=True)
        linger_seconds = 0 if isinstance(error, TooSlow) else LINGER_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(linger_seconds):
                await _drop_rest(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop_rest(receive: Receive) -> None:
    """Read to the end of the body, or until the client disconnects."""
    has_more = True
    while has_more:
        message = await receive()
        has_more = message["type"] == "http.request" and message.get("more_body", False)


class Spool:
    """One body on its way in: in memory first, in a file when it grows."""

    def __init__(self, bodies: Bodies, most: int) -> None:
        self.bodies, self.most, self.size = bodies, most, 0
        self.owner = ""  # not known yet
        self.memory_bytes = bodies.limits.memory_bytes
        self.file: IO[bytes] = BytesIO()

    def belong_to(self, owner: str | None) -> None:
        """Count it for this user. Raises Unauthenticated if that is None."""
        if owner is None:
            raise Unauthenticated
        self._count(-self.size)
        self.owner = owner
        self._count(self.size)

    def check_size(self, more: int) -> None:
        """Raise TooLarge if so many more bytes are too many."""
        if self.size + more > self.most:
            raise TooLarge

    async def write(self, piece: bytes) -> None:
        """Keep one more piece. Raises Busy if there is no room for it."""
        limits, bodies = self.bodies.limits, self.bodies
        room: float = limits.sum_bytes
        if self.size + len(piece) > limits.stranger_bytes:
            room *= LARGE_SHARE
        if bodies.held_bytes + len(piece) > room:
            raise busy(bodies.retry_seconds, "There is no room for this upload just now")
        if self.owner and bodies.held_by[self.owner] + len(piece) > limits.owner_bytes:
            raise busy(bodies.retry_seconds, "You have too many uploads under way")
        self.size += len(piece)
        self._count(len(piece))
        if self.size <= self.memory_bytes:
            self.file.write(piece)
        else:
            await asyncio.to_thread(self._write_to_disk, piece)  # a disk may take its time

    def _write_to_disk(self, piece: bytes) -> None:
        if isinstance(self.file, BytesIO):
            start = self.file.getvalue()
            self.file = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
            self.file.write(start)
        self.file.write(piece)

    def body(self) -> Body:
        self.file.seek(0)
        return Body(self.file, self.size)

    def close(self) -> None:
        """May be called twice."""
        self.file.close()
        self._count(-self.size)
        self.size = 0

    def _count(self, size: int) -> None:
        self.bodies.held_bytes += size
        if self.owner:
            self.bodies.held_by[self.owner] += size
            if not self.bodies.held_by[self.owner]:
                del self.bodies.held_by[self.owner]
