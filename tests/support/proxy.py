"""A TCP proxy between a worker and web, to be the bad network: cut, slow, broken; or one in front
of several webs.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import deque
from typing import Any, Self

CHUNK_BYTES = 16 * 1024
# Small, so that what is sent waits at the sender, as on a real line, and not in buffers on the way.
SOCKET_BUFFER_BYTES = 32 * 1024
RST = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, and tell the other side with a reset


class Line:
    """One direction of the cable, shared by all connections: `rate` bytes a second at most (None:
    no limit).
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self.free_at = 0.0
        self.passed = 0

    async def carry(self, size: int) -> None:
        """Wait until `size` bytes have passed."""
        now = asyncio.get_running_loop().time()
        if self.rate is not None:
            self.free_at = max(self.free_at, now) + size / self.rate
            await asyncio.sleep(self.free_at - now)
        self.passed += size


class Proxy:
    """Listens on `port` and forwards to `target_ports`, all on loopback; has a thread and an event
    loop of its own.

    Connections go to the targets in turn, past one that does not listen.

    `cut()` is a pulled cable: nothing passes, and nobody is notified. The kernel still accepts new
    connections, on which nothing passes either; with `refuse` it turns them away. After `heal()`
    what waited goes on, unless an end gave up.
    """

    def __init__(self, *target_ports: int) -> None:
        self.target_ports = deque(target_ports)
        self.up, self.down = Line(), Line()
        self.connections: set[Any] = set()
        self.refusing = False
        self.listener = _listen()
        self.port = self.listener.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.thread = threading.Thread(target=self._run, name=f"proxy {self.port}", daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # What may befall the line

    def cut(self, *, refuse: bool = False) -> None:
        self.refusing = refuse
        self._do(self.flowing.clear)

    def heal(self) -> None:
        """As good as new: everything passes, at full speed."""
        self.refusing = False
        self.throttle(None)
        self._do(self.flowing.set)

    def throttle(self, bytes_per_second: float | None) -> None:
        """Each way."""
        self.up.rate = self.down.rate = bytes_per_second

    def reset(self) -> None:
        """Both ends of every connection learn that it is broken (RST)."""
        self._do(self._reset)

    # Its life

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.thread.is_alive():
            self._do(self._reset)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
        self.listener.close()

    def _do(self, what: Any) -> None:
        """Run it on the loop and wait for it."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (what(), done.set()))
        done.wait(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        accepting = self.loop.create_task(self._accept())
        self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(accepting, *tasks, return_exceptions=True))
        self.loop.close()

    # Inside

    async def _accept(self) -> None:
        while True:
            near, _ = await self.loop.sock_accept(self.listener)
            near.setblocking(False)
            if self.refusing:
                _break_off(near)
                near.close()
            else:
                self.connections.add(asyncio.create_task(self._forward(near)))

    async def _forward(self, near: socket.socket) -> None:
        with near:
            try:
                await self.flowing.wait()
                with await self._reach() as far:
                    await self._join(near, far)
            except (asyncio.CancelledError, OSError):
                _break_off(near)
            finally:
                self.connections.discard(asyncio.current_task())

    async def _reach(self) -> socket.socket:
        """A connection to the next target that listens. Raises OSError if none does."""
        for left in reversed(range(len(self.target_ports))):
            port = self.target_ports[0]
            self.target_ports.rotate(-1)
            try:
                return await self._connected(port)
            except OSError:
                if not left:
                    raise
        raise OSError("no targets")

    async def _connected(self, port: int) -> socket.socket:
        far = socket.socket()
        try:
            far.setblocking(False)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
            await self.loop.sock_connect(far, ("127.0.0.1", port))
        except BaseException:
            far.close()
            raise
        return far

    async def _join(self, near: socket.socket, far: socket.socket) -> None:
        for end in (near, far):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(near, far, self.up))
                both.create_task(self._pump(far, near, self.down))
        except (asyncio.CancelledError, OSError, ExceptionGroup):
            _break_off(near, far)

    async def _pump(self, source: socket.socket, sink: socket.socket, line: Line) -> None:
        while data := await self.loop.sock_recv(source, CHUNK_BYTES):
            await line.carry(len(data))
            await self.flowing.wait()
            await self.loop.sock_sendall(sink, data)
        await self.flowing.wait()
        sink.shutdown(socket.SHUT_WR)

    def _reset(self) -> None:
        for connection in list(self.connections):
            connection.cancel()


def _break_off(*ends: socket.socket) -> None:
    """The close that follows is a reset."""
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)


def _listen() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES
    )  # accepted sockets inherit it
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    listener.setblocking(False)
    return listener
