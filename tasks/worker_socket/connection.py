"""A worker's connection as a line: what it carries out, how it ends, and what it knows of who is at
the other end.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from redis.exceptions import RedisError

from accounts.selectors import Bearer
from core import databases
from firmlight_client import protocol
from tasks.consent import Agreement
from tasks.services import workers
from tasks.socket_base import Socket
from tasks.worker_socket.partials import LeasedKinds

log = structlog.get_logger(__name__)


class Line(Socket):
    """State of a connection. `free` slots are the worker's credit, `leased` counts the leases sent
    to it; those `under_way` have not arrived as far as it said; `agreed` is what its owner lets it
    do in each group; `suspended` says why it gets nothing.
    """

    bearer: Bearer | None = None
    worker: workers.Enrolled | None = None
    free = 0
    leased = 0
    suspended = ""
    stopped = False
    heard = 0.0  # when a frame came last, monotonic seconds

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.leasing = asyncio.Lock()
        self.groups: dict[str, str] = {}
        self.agreed = Agreement()
        self.under_way: list[str] = []
        self.leased_kinds = LeasedKinds()
        self.errands: set[asyncio.Task[None]] = set()

    def kinds_of(self, group: str) -> list[str]:
        """["NAME@version"] that it takes of this group now."""
        return [] if self.agreed.why_resting(group) else self.agreed.kinds_for(group)

    @property
    def me(self) -> str:
        assert self.worker
        return self.worker.id

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Whatever came, from the worker or the channel layer: without Redis or database the worker
        comes back later.

        It is told that the server restarts, so that its leases stay its own.
        """
        try:
            await super().dispatch(message)
        except databases.failures(RedisError):
            await self.broken(str(message.get("type")))

    async def broken(self, at: str) -> None:
        """Within the handling of the error that says why."""
        log.exception("line_broken", worker=self.worker and self.worker.id, message=at)
        await self.hang_up(protocol.CLOSE_RESTARTING)

    async def tell(self, frame: protocol.Frame) -> None:
        if not self.stopped:
            await self.send(bytes_data=protocol.encode(frame))

    async def stop(self, close: int, code: str, message: str) -> None:
        await self.tell(protocol.Error(code=code, message=message))
        await self.hang_up(close)

    async def hang_up(self, close: int) -> None:
        if not self.stopped:
            self.stopped = True
            await self.close(close)
