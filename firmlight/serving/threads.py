"""Django runs in threads of ours, through WSGI, and none of them waits for a client.

By the time a request gets here its body has been read. A thread makes the answer, or a piece of a
long one, hands it over and is free again. The next piece is made once the client has read the last
one. How long a client may take to read is limited by `firmlight.serving.connections`.

Callers take turns (`firmlight.serving.turns`): many requests of one hold up no other.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from a2wsgi.wsgi import build_environ

from core.asgi_types import Receive, Scope, Send
from firmlight.serving.bodies import BODY, Body
from firmlight.serving.callers import caller_of
from firmlight.serving.fair_share import SPENT, Spent
from firmlight.serving.outgoing import Outgoing
from firmlight.serving.turns import Turns

PIECE_BYTES = 256 * 1024  # of an answer that is made while it is sent, made in one go
WRITE_BYTES = 64 * 1024  # given to the connection in one go: it says when it can take more


class Answer:
    """What the application answers, piece by piece. Its methods block, so they run in threads."""

    def __init__(self, application: Any, environ: dict[str, Any]) -> None:
        self.application, self.environ = application, environ
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.iterable: Iterable[bytes] = ()
        self.iterator: Iterator[bytes] | None = None
        self.is_whole = False

    def begin(self) -> bytes:
        """Run the application; returns the first piece, and the only one if it `is_whole` then."""
        self.iterable = self.application(self.environ, self._start)
        self.iterator = iter(self.iterable)
        return self.next_piece()

    def next_piece(self) -> bytes:
        """Return the next PIECE_BYTES or so; after the last of them it `is_whole`."""
        assert self.iterator is not None
        size = sum(map(len, self.pieces))
        try:
            for piece in self.iterator:
                self.pieces.append(piece)
                size += len(piece)
                if size >= PIECE_BYTES:
                    break
            else:
                self.close()
        except BaseException:
            self.close()
            raise
        pieces, self.pieces = self.pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Close the application's answer, once, if it can be closed (PEP 3333)."""
        if self.is_whole:
            return
        self.is_whole = True
        close = getattr(self.iterable, "close", None)
        if close:
            close()

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], Any]:
        """WSGI's `start_response`."""
        self.status = int(status.split(" ", 1)[0])
        self.headers = [
            (name.strip().lower().encode("latin1"), value.strip().encode("latin1"))
            for name, value in headers
        ]
        return self.pieces.append


class Threads:
    """Makes an ASGI application of a WSGI application, which so many threads run."""

    def __init__(
        self, application: Any, threads: int, outgoing: Outgoing, name: str = "request"
    ) -> None:
        self.application, self.outgoing = application, outgoing
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.turns = Turns(threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(self.application, environ_of(scope))
        context = contextvars.copy_context()
        piece = await self._in_thread(scope, context.run, answer.begin)
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        try:
            if answer.is_whole:
                await self._send(scope, send, piece, more=False)
            else:
                await self._send_long(answer, piece, context, scope, receive, send)
        finally:
            if not answer.is_whole:
                self.pool.submit(context.run, answer.close)

    async def _send_long(
        self,
        answer: Answer,
        piece: bytes,
        context: contextvars.Context,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Send the first piece, then make and send the others until the client disconnects.

        Sending does not tell whether the client is there: uvicorn drops what is sent to a closed
        connection.
        """
        gone = asyncio.create_task(_disconnected(receive))
        try:
            while not answer.is_whole and not gone.done():
                await self._send(scope, send, piece, more=True)
                piece = await self._in_thread(scope, context.run, answer.next_piece)
            if not gone.done():
                await self._send(scope, send, piece, more=False)
        finally:
            gone.cancel()

    async def _send(self, scope: Scope, send: Send, piece: bytes, *, more: bool) -> None:
        """Send a piece in messages of WRITE_BYTES, so that the connection's buffer stays small."""
        if len(piece) <= WRITE_BYTES:
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            return
        with self.outgoing.hold(len(piece), scope) as held:
            whole = memoryview(piece)
            for start in range(0, len(piece), WRITE_BYTES):
                end = start + WRITE_BYTES
                message = {"type": "http.response.body", "body": bytes(whole[start:end])}
                await send({**message, "more_body": more or end < len(piece)})
                held.sent_bytes = end

    async def _in_thread(self, scope: Scope, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run it when it is this caller's turn; its processor time counts as theirs."""
        spent: Spent = scope.get(SPENT) or Spent()
        loop = asyncio.get_running_loop()
        async with self.turns.turn(caller_of(scope)):
            return await loop.run_in_executor(self.pool, _measured, spent, function, *arguments)


def _measured(spent: Spent, function: Callable[..., Any], *arguments: Any) -> Any:
    began = time.thread_time()
    try:
        return function(*arguments)
    finally:
        spent.seconds += time.thread_time() - began


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def environ_of(scope: Scope) -> dict[str, Any]:
    """Return WSGI's environment; the body's length is the one that was read."""
    body: Body = scope.get(BODY) or Body(BytesIO(), 0)
    build: Any = build_environ  # it is typed for its own class of body, but any file will do
    environ: dict[str, Any] = build(scope, body.file)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    if body.size or "CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = str(body.size)
    return environ
