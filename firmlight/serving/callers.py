"""Whom a request counts for: its user where one is logged in, else the address it comes from.

Behind one address there may be a whole laboratory, and one evil machine in it. So users count for
themselves, as soon as their token or cookie has been looked up. That takes a query or two, so what
was found is remembered for a while. It decides nothing but the order and the pace of requests.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from django.http.cookie import parse_cookie

from core import databases
from core.activity import user_key
from core.asgi_types import App, Receive, Scope, Send
from core.client_address import address_of_scope, key_of
from core.pacing import Lines, Pace

CALLER = "firmlight.caller"  # of a scope: the key of a user or an address
REMEMBERED_SECONDS = 600.0
REMEMBERED_MAX = 10_000
ADDRESS = "address"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Known:
    """What a token or cookie was found to be: `user` is None if it is not valid."""

    user: str | None
    until: float  # on the loop's clock


class Callers:
    """Puts the caller into `scope[CALLER]`.

    `owner_of(scope)` looks up the user of a token or cookie; of one address that happens at most
    `lookups_per_minute` times. Beyond that, what is not known yet counts for the address.
    """

    def __init__(
        self,
        app: App,
        owner_of: Callable[[Scope], Awaitable[str | None]],
        *,
        session_cookie: str,
        lookups_per_minute: int,
    ) -> None:
        self.app, self.owner_of, self.session_cookie = app, owner_of, session_cookie
        self.known: dict[bytes, Known] = {}  # by the digest of a token or cookie
        pace = Pace(lookups_per_minute / 60, lookups_per_minute)
        self.lookups = Lines(lambda key: pace, first_mean=1.0, wait_seconds_max=0.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, CALLER: await self.find(scope)}, receive, send)

    async def find(self, scope: Scope) -> str:
        """Return the key of the user, or that of the address."""
        address = f"{ADDRESS} {key_of(address_of_scope(scope))}"
        digest = self._digest(scope)
        if digest is None:
            return address
        known = self.known.get(digest)
        if known is None or known.until < asyncio.get_running_loop().time():
            known = await self._look_up(digest, scope, address)
        return user_key(known.user) if known and known.user else address

    def _digest(self, scope: Scope) -> bytes | None:
        """Return the digest of what the request shows of its user; None if it shows nothing."""
        shown = []
        for name, value in scope["headers"]:
            if name == b"authorization":
                shown.append(value)
            elif name == b"cookie":
                session = parse_cookie(value.decode("latin-1")).get(self.session_cookie)
                shown += [session.encode("latin-1", "replace")] if session else []
        return hashlib.sha256(b"\0".join(shown)).digest() if shown else None

    async def _look_up(self, digest: bytes, scope: Scope, address: str) -> Known | None:
        charged, _ = await self.lookups.begin(address)
        if not charged:
            return None
        try:
            user = await self.owner_of(scope)
        except databases.failures():
            log.warning("caller_not_looked_up", exc_info=True)  # the request itself may still work
            return None
        if len(self.known) >= REMEMBERED_MAX:
            del self.known[next(iter(self.known))]  # the oldest
        until = asyncio.get_running_loop().time() + REMEMBERED_SECONDS
        self.known.pop(digest, None)
        known = self.known[digest] = Known(user, until)
        return known


def caller_of(scope: Scope) -> str:
    """Return the caller; the address where no `Callers` has looked."""
    return scope.get(CALLER) or f"{ADDRESS} {key_of(address_of_scope(scope))}"
