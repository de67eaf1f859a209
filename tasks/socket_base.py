"""What all our sockets share: whoever is gone is heard of once, and in the right order."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer

from core import context, metrics


class Socket(AsyncWebsocketConsumer):
    """To say something to who is gone already is no fault: the news that he is gone is on its way.

    The server raises an OSError then. If it went through, the consumer would end without
    `disconnect`, and what has to be given back would wait for its deadline. `door` is what metrics
    call it.
    """

    door = ""

    async def __call__(
        self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]
    ) -> Any:
        async def send_while_there(message: Any) -> None:
            with contextlib.suppress(OSError):
                await send(message)

        metrics.count("sockets_opened", 1, self.door)
        metrics.now_open("sockets", 1, self.door)
        try:
            with context.connection(scope):
                return await super().__call__(scope, receive, send_while_there)
        finally:
            metrics.now_open("sockets", -1, self.door)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does it, but for a look at the database's connections in another thread, at
        each message: it was half of what an idle worker costs, and `database_sync_to_async` looks
        at them whenever they are used.
        """
        await getattr(self, get_handler_name(message))(message)
