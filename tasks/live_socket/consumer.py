"""`/ws/live/`: JSON for browsers and the Python client.

A visitor subscribes to a task, a group or their own notifications. Snapshots come, at most
LIVE_UPDATES_PER_SECOND a second for each, so a lost message never matters. The last state is never
held back.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec
import structlog
from channels.db import database_sync_to_async
from django.conf import settings

from accounts import selectors as account_selectors
from accounts.models import User
from accounts.selectors import Bearer
from core import databases, throttling
from core.address_limits import mark_owner_known
from firmlight_client.protocol import CLOSE_TOO_MANY, CLOSE_TRY_LATER
from tasks import events
from tasks.frame_budget import FrameBudget, FrameMeter, Verdict
from tasks.live_socket import messages
from tasks.live_socket.authentication import NOT_LOGGED_IN, Refusal, authenticate
from tasks.live_socket.messages import Ask, MalformedMessage, Subscribe, Unsubscribe
from tasks.live_socket.notices import Notices
from tasks.live_socket.outbox import Outbox
from tasks.live_socket.subscriptions import Subscriptions
from tasks.socket_base import Socket

CLOSE_MALFORMED, CLOSE_TOO_SLOW = 4400, 1013
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Visit:
    """What belongs to a connection whose user is known."""

    bearer: Bearer
    subscriptions: Subscriptions
    notices: Notices


class LiveConsumer(Socket):
    """One connection of a user: by their browser's cookie, or by an access token.

    `visit` is None until the user is known; `refused`: the connection is being closed, and what
    still comes is not read. `clock` checks whether the user may stay.
    """

    metrics_label = "live"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outbox = Outbox(self.send, lambda: self.close(CLOSE_TOO_SLOW))
        self.meter = FrameMeter(FrameBudget(*frame_limits()))
        self.visit: Visit | None = None
        self.refused = False
        self.topic = ""  # of the user, in the channel layer
        self.clock: asyncio.Task[None] | None = None

    # The connection begins and ends

    async def connect(self) -> None:
        await self.accept()
        found = await authenticate(self.scope)
        if isinstance(found, Refusal):
            await self.refuse(found)
            return
        user = found.user
        too_many = await self.too_many_of(user)
        if too_many:
            await self.refuse(too_many)
            return
        self.meter.budget = self.budget_of(user.pk, *frame_limits())
        self.visit = Visit(
            bearer=found,
            subscriptions=Subscriptions(user, self.outbox),
            notices=Notices(user, self.send_json),
        )
        self.outbox.start()
        mark_owner_known(self.scope)
        self.topic = events.user_topic(user.pk)
        await self.channel_layer.group_add(self.topic, self.channel_name)
        self.clock = asyncio.create_task(self.keep_checking())

    async def too_many_of(self, user: User) -> Refusal | None:
        """Return why this user may open no further connection now; None if they may."""
        if await _count_connect(user) > settings.LIVE_CONNECTS_PER_MINUTE_MAX:
            text = "You connect too often: come back in a minute."
            return Refusal(CLOSE_TOO_MANY, "too_many_connections", text)
        most = settings.LIVE_SOCKETS_PER_USER_MAX
        if not self.count_for(user.pk, most):
            text = f"{most} pages or programs of yours are connected already: close some of them."
            return Refusal(CLOSE_TOO_MANY, "too_many_sockets", text)
        return None

    async def disconnect(self, code: int) -> None:
        self.outbox.stop()
        if self.clock:
            self.clock.cancel()
        if self.visit:
            self.visit.notices.stop()
            self.visit.subscriptions.remove_all()
        if self.topic:
            await self.channel_layer.group_discard(self.topic, self.channel_name)

    async def refuse(self, refusal: Refusal) -> None:
        """Say why, then close; nothing else is sent any more."""
        self.refused = True
        self.outbox.stop()
        if self.visit:
            self.visit.notices.stop()
        await self.complain(refusal.code, refusal.message)
        await self.close(refusal.close)

    # Messages

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.visit is None or self.refused:
            return
        written = (text_data or "").encode()
        try:
            message = messages.read(written)
        except MalformedMessage as error:
            await self.refuse(Refusal(CLOSE_MALFORMED, "malformed_message", str(error)))
            return
        verdict = self.meter.take(len(written), time.monotonic(), message.frames)
        if await self.sends_too_much(verdict, self.visit):
            return
        match message:
            case Subscribe():
                await self.subscribe(message, self.visit)
            case Unsubscribe():
                self.unsubscribe(message, self.visit)
            case _:
                assert_never(message)

    async def sends_too_much(self, verdict: Verdict, visit: Visit) -> bool:
        """Warn a visitor that sends too much; if it goes on, close and let nobody return soon."""
        if verdict is Verdict.FINE:
            return False
        text = (
            f"At most {settings.LIVE_FRAMES_PER_MINUTE_MAX} messages and"
            f" {settings.LIVE_BYTES_PER_MINUTE_MAX} bytes a minute, of all your pages and programs"
            " together."
        )
        if verdict is Verdict.WARN:
            await self.complain("too_fast", text)
            return False
        # With a new connection it would begin anew.
        await _count_connect(visit.bearer.user, settings.LIVE_CONNECTS_PER_MINUTE_MAX)
        await self.refuse(Refusal(CLOSE_TRY_LATER, "too_fast", text))
        return True

    async def subscribe(self, ask: Subscribe, visit: Visit) -> None:
        if ask.notifications:
            await visit.notices.send()
        elif not visit.subscriptions.has_room_for(ask):
            text = f"At most {settings.LIVE_SUBSCRIPTIONS_MAX} subscriptions."
            await self.complain("too_many", text)
        elif not await visit.subscriptions.add(ask):
            await self.say_nothing_here(ask)

    def unsubscribe(self, ask: Unsubscribe, visit: Visit) -> None:
        if ask.notifications:
            visit.notices.forget()
        else:
            visit.subscriptions.remove(ask)

    # Answers

    async def send_json(self, message: dict[str, Any]) -> None:
        await self.send(text_data=msgspec.json.encode(message).decode())

    async def complain(self, code: str, message: str, **about: str | None) -> None:
        named = {name: value for name, value in about.items() if value}
        await self.send_json({"type": "error", "code": code, "message": message, **named})

    async def say_nothing_here(self, ask: Ask) -> None:
        await self.complain("not_found", "There is nothing here.", task=ask.task, group=ask.group)

    # Checks

    async def keep_checking(self) -> None:
        """Check every MEMBERSHIP_CHECK_SECONDS: a message that access has changed may be lost."""
        while not self.refused:
            share = random.uniform(0.8, 1.0)  # noqa: S311  spreads the checks of many connections
            await asyncio.sleep(settings.MEMBERSHIP_CHECK_SECONDS * share)
            try:
                await self.check()
            except databases.failures():
                log.warning("check_failed", exc_info=True)  # the next round tries again

    async def check(self) -> None:
        """Whether the user may stay, and may still see what they watch."""
        visit = self.visit
        if visit is None or self.refused:
            return
        if not await database_sync_to_async(account_selectors.still_valid)(visit.bearer):
            await self.refuse(NOT_LOGGED_IN)
            return
        for ask in await visit.subscriptions.remove_forbidden():
            await self.say_nothing_here(ask)

    # Messages of the channel layer (see `events`)

    async def access_changed(self, message: dict[str, Any]) -> None:
        await self.check()

    async def notifications_changed(self, message: dict[str, Any]) -> None:
        if self.visit and not self.refused:
            self.visit.notices.changed()


def frame_limits() -> tuple[int, int]:
    """Return how many messages and bytes a minute the connections of one user may send."""
    return settings.LIVE_FRAMES_PER_MINUTE_MAX, settings.LIVE_BYTES_PER_MINUTE_MAX


async def _count_connect(user: User, amount: int = 1) -> int:
    """Count a connection of this user; how many in this minute."""
    return await throttling.count_connect(f"live-{user.pk}", amount)
