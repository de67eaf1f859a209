"""The base of all our WebSocket consumers: Channels' own, with five small changes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer

from core import activity, context, metrics
from core.activity import user_key
from core.address_limits import AddressCounts
from tasks.frame_budget import FrameBudget, FrameBudgets

log = structlog.get_logger(__name__)


class Socket(AsyncWebsocketConsumer):
    """Channels' consumer, made to be inherited by one class per socket.

    It differs from Channels' in this:

    - A message of the channel layer that the socket does not know is ignored: a newer release sends
      it, which is being started one process after another.
    - Sending to a closed socket is not an error. The server raises an OSError then, and the message
      that the socket is closed is on its way. If the error went through, the consumer would end
      without `disconnect`, and what it has to give back would wait for its deadline.
    - Open sockets are counted; metrics call this kind of socket `metrics_label`.
    - All that is logged on the way carries the connection's id.
    - Those of one user are counted in this process, until they end in whatever way, and share one
      budget of frames and bytes.
    """

    metrics_label = ""
    _uncount: Callable[[], None] | None = None
    _user = ""

    def count_for(self, user: UUID, most: int) -> bool:
        """Count this socket for its user; False if they have `most` of this kind already."""
        self._user = user_key(user)
        self._uncount = _sockets_of_users(self.metrics_label, most).claim(str(user))
        return self._uncount is not None

    def budget_of(self, user: UUID, frames: int, size: int) -> FrameBudget:
        """Return what all sockets of this kind and user may send: frames and bytes a minute."""
        budgets = _budgets_of_users(self.metrics_label, frames, size)
        return budgets.of(str(user), time.monotonic())

    async def __call__(
        self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]
    ) -> Any:
        async def send_while_open(message: Any) -> None:
            with contextlib.suppress(OSError):
                await send(message)

        metrics.count("sockets_opened", 1, self.metrics_label)
        metrics.now_open("sockets", 1, self.metrics_label)
        try:
            with context.connection(scope):
                return await super().__call__(scope, receive, send_while_open)
        finally:
            metrics.now_open("sockets", -1, self.metrics_label)
            if self._uncount:
                self._uncount()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler of a message, without Channels' look at the database's connections.

        Channels looks at them in another thread, at each message: that was half of what an idle
        worker costs. `database_sync_to_async` looks at them whenever they are used.
        """
        if self._user and message["type"] == "websocket.receive":
            activity.of_process.note(self._user, time.monotonic())
        handler = getattr(self, get_handler_name(message), None)
        if handler is None:
            log.warning("message_not_known", type=message["type"])
            return
        await handler(message)


@cache
def _sockets_of_users(metrics_label: str, most: int) -> AddressCounts:
    """Return the counts of the open sockets of this kind, by user."""
    return AddressCounts(most)


@cache
def _budgets_of_users(metrics_label: str, frames: int, size: int) -> FrameBudgets:
    """Return the budgets of the sockets of this kind, by user."""
    return FrameBudgets(frames, size)
