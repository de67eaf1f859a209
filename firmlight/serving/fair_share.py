"""Requests of one caller take so much processor time and no more, so that others keep theirs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from core import activity
from core.activity import Activity
from core.address_limits import AddressCounts
from core.asgi_types import App, Receive, Scope, Send, busy
from core.errors import TooMany
from core.pacing import Lines, Refusals
from firmlight.serving.callers import ADDRESS, caller_of
from firmlight.serving.outgoing import ABORT

SPENT = "firmlight.spent"  # of a scope: a Spent
LOOP_SECONDS = 0.0005  # that a request takes of the event loop, before and after its thread
FIRST_MEAN_SECONDS = 0.005


@dataclass
class Spent:
    """Processor time of the threads that worked on one request."""

    seconds: float = 0.0


class FairShare:
    """Lets a request through once its caller has paid for those before it.

    `lines` count seconds of processor time. Whoever would wait too long gets `throttled`. A user
    who is alone takes what there is, and owes nothing for it.
    """

    def __init__(
        self,
        app: App,
        lines: Lines,
        refusals: Refusals,
        activity: Activity = activity.of_process,
    ) -> None:
        self.app, self.lines, self.refusals, self.activity = app, lines, refusals, activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller, now = caller_of(scope), time.monotonic()
        if not self.lines.owes(caller):
            self.activity.note(caller, now)
        elif not caller.startswith(ADDRESS) and self.activity.is_alone(caller, now):
            await self.app(scope, receive, send)
            return
        charged, wait_seconds = await self.lines.begin(caller)
        if wait_seconds:
            error = TooMany(wait_seconds)
            await self.refusals.refuse(caller, scope, send, error, scope.get(ABORT))
            return
        spent = Spent()
        try:
            await self.app({**scope, SPENT: spent}, receive, send)
        finally:
            self.lines.settle(caller, charged, spent.seconds + LOOP_SECONDS)


class RequestsPerCaller:
    """Limits the requests of one caller, from their head to the end of their answer."""

    def __init__(self, app: App, most: int, retry_seconds: int, refusals: Refusals) -> None:
        self.app, self.counts, self.retry_seconds = app, AddressCounts(most), retry_seconds
        self.refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        give_back = self.counts.claim(caller)
        if give_back is None:
            error = busy(self.retry_seconds, "Too many requests of yours are under way")
            await self.refusals.refuse(caller, scope, send, error, scope.get(ABORT))
            return
        try:
            await self.app(scope, receive, send)
        finally:
            give_back()
