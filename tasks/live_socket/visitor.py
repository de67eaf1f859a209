"""Who watches over `/ws/live/`, and whether he still may."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from channels.db import database_sync_to_async
from django.conf import settings

from accounts import selectors as account_selectors
from accounts.models import User
from accounts.selectors import Bearer
from accounts.socket_authentication import bearer_of, token_of
from core import databases
from core.address_limits import let_in
from tasks import events
from tasks.live_socket import views
from tasks.socket_base import Socket

CLOSE_NOT_LOGGED_IN, CLOSE_FOREIGN_ORIGIN = 4401, 4403
log = structlog.get_logger(__name__)


class Visitor(Socket):
    """One connection of a user: by the cookie of his browser, or by an access token."""

    door = "live"
    user: User | None = None
    bearer: Bearer | None = None
    clock: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self.topics: set[str] = set()
        await self.accept()
        if token_of(self.scope):
            bearer = await bearer_of(self.scope)
            self.bearer = bearer if bearer and bearer.kind == "access" else None
        elif not self.origin_is_ours():
            return await self.refuse(
                CLOSE_FOREIGN_ORIGIN, "foreign_origin", "Open this page from its own address."
            )
        else:
            self.bearer = await database_sync_to_async(views.browser_bearer)(self.scope)
        if self.bearer is None:
            return await self.refuse(CLOSE_NOT_LOGGED_IN, "not_logged_in", "Log in again.")
        self.user = self.bearer.user
        let_in(self.scope)
        await self.join(events.user_topic(self.user.pk))
        self.clock = asyncio.create_task(self.keep_checking())
        return None

    def origin_is_ours(self) -> bool:
        """A cookie authenticates here, so another site's page must not be able to open this socket."""
        headers = dict(self.scope["headers"])
        origin = urlsplit(headers.get(b"origin", b"").decode("latin-1"))
        trusted = {
            urlsplit(url).netloc for url in [settings.PUBLIC_URL, *settings.CSRF_TRUSTED_ORIGINS]
        }
        return origin.netloc in trusted | {headers.get(b"host", b"").decode("latin-1")}

    async def disconnect(self, code: int) -> None:
        if self.clock:
            self.clock.cancel()
        for topic in self.topics:
            await self.channel_layer.group_discard(topic, self.channel_name)

    async def join(self, topic: str) -> None:
        self.topics.add(topic)
        await self.channel_layer.group_add(topic, self.channel_name)

    async def part(self, topic: str) -> None:
        self.topics.discard(topic)
        await self.channel_layer.group_discard(topic, self.channel_name)

    async def keep_checking(self) -> None:
        """Messages may be lost, so token or session are looked at every MEMBERSHIP_CHECK_SECONDS
        besides.
        """
        while self.user:
            await asyncio.sleep(settings.MEMBERSHIP_CHECK_SECONDS * random.uniform(0.8, 1.0))  # noqa: S311  spreads them
            try:
                await self.check()
            except databases.failures():
                log.warning("check_failed", exc_info=True)  # the next round tries again

    async def access_changed(self, message: dict[str, Any]) -> None:
        await self.check()

    async def check(self) -> None:
        if self.user and not await database_sync_to_async(account_selectors.still_valid)(
            self.bearer
        ):
            await self.refuse(CLOSE_NOT_LOGGED_IN, "not_logged_in", "Log in again.")

    async def complain(self, code: str, message: str, **about: str | None) -> None:
        named = {name: value for name, value in about.items() if value}
        await self.send_json({"type": "error", "code": code, "message": message, **named})

    async def refuse(self, close: int, code: str, message: str) -> None:
        self.user = None
        await self.complain(code, message)
        await self.close(close)

    async def send_json(self, message: dict[str, Any]) -> None:
        await self.send(text_data=msgspec.json.encode(message).decode())
