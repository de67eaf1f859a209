"""How much one address may have under way, so that it cannot take the room of all others.

An address is an IPv4 address or the /64 of an IPv6 one; behind a proxy of ours it is the one that
the proxy names (`core.client_address`). Sockets count until their owner is known: a laboratory
behind one address may have any number of workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import ceil

from core.asgi_types import App, Receive, Scope, Send, busy
from core.client_address import address_of_scope, key_of
from core.pacing import Lines, Refusals

# In the scope of a socket: a function to call once its owner is known.
OWNER_KNOWN = "firmlight.owner_known"


class AddressCounts:
    """Counts what each address has: at most `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.counts: Counter[str] = Counter()

    def claim(self, address: str) -> Callable[[], None] | None:
        """Count one more; returns a function that gives it back, None if that is too many.

        The function may be called twice.
        """
        if self.counts[address] >= self.most:
            return None
        self.counts[address] += 1
        is_held = True

        def give_back() -> None:
            nonlocal is_held
            if not is_held:
                return
            is_held = False
            self.counts[address] -= 1
            if not self.counts[address]:
                del self.counts[address]

        return give_back


class StrangersPerAddress:
    """Limits the sockets of one address whose owners are not known yet.

    At most `most` are open. `handshakes` counts them as they come: those whose owner becomes known
    do not count, others wait, and are refused if they would wait too long.
    """

    def __init__(
        self, app: App, most: int, retry_seconds: int, handshakes: Lines, refusals: Refusals
    ) -> None:
        self.app, self.counts, self.retry_seconds = app, AddressCounts(most), retry_seconds
        self.handshakes, self.refusals = handshakes, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = key_of(address_of_scope(scope))
        give_back = self.counts.claim(address)
        if give_back is None:
            what = "Too many connections of your address are not logged in"
            await self.refusals.refuse(address, scope, send, busy(self.retry_seconds, what))
            return
        # The connection itself counts too where it is one of `firmlight.serving.connections`.
        of_connection = scope.get(OWNER_KNOWN)
        charged = 0.0

        def mark_owner_known() -> None:
            nonlocal charged
            give_back()
            self.handshakes.give_back(address, charged)
            charged = 0.0
            if of_connection:
                of_connection()

        try:
            charged, wait_seconds = await self.handshakes.begin(address)
            if wait_seconds:
                what = "Too many connections of your address did not log in"
                await self.refusals.refuse(address, scope, send, busy(ceil(wait_seconds), what))
                return
            await self.app({**scope, OWNER_KNOWN: mark_owner_known}, receive, send)
        finally:
            give_back()


def mark_owner_known(scope: Scope) -> None:
    """The owner of this socket is known: it no longer counts against its address."""
    count_no_longer = scope.get(OWNER_KNOWN)
    if count_no_longer:
        count_no_longer()
