"""How much one address may have under way, so that it cannot take the room of all others.

An address is an IPv4 address or the /64 of an IPv6 one, as the proxy tells it where there is one of
ours (`core.client_address`). Sockets count until their owner is known: a laboratory behind one
address may have any number of workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from core.asgi_types import App, Receive, Scope, Send, busy, refuse
from core.client_address import address_of_scope, key_of

LET_IN = "firmlight.let_in"  # of a socket's scope: a function to call once it is known who is there


class AddressCounts:
    """How many each address has, `most` at the most."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.counts: Counter[str] = Counter()

    def claim(self, address: str) -> Callable[[], None] | None:
        """One more; returns what gives it back, which may be called twice. None if that is too
        many.
        """
        if self.counts[address] >= self.most:
            return None
        self.counts[address] += 1
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self.counts[address] -= 1
                if not self.counts[address]:
                    del self.counts[address]

        return give_back


class RequestsPerAddress:
    """Requests of one address that are under way, from their head to the end of their answer."""

    def __init__(self, app: App, most: int, retry_seconds: int) -> None:
        self.app, self.counts, self.retry_seconds = app, AddressCounts(most), retry_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        give_back = self.counts.claim(key_of(address_of_scope(scope)))
        if give_back is None:
            error = busy(self.retry_seconds, "Too many requests of your address are under way")
            await refuse(scope, send, error)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            give_back()


class StrangersPerAddress:
    """Sockets of one address of which nobody knows yet whose they are."""

    def __init__(self, app: App, most: int, retry_seconds: int) -> None:
        self.app, self.counts, self.retry_seconds = app, AddressCounts(most), retry_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        give_back = self.counts.claim(key_of(address_of_scope(scope)))
        if give_back is None:
            error = busy(
                self.retry_seconds, "Too many connections of your address are not logged in"
            )
            await refuse(scope, send, error)
            return
        connection_let_in = scope.get(LET_IN)  # of the connection itself, where it is one of ours

        def let_in() -> None:
            give_back()
            if connection_let_in:
                connection_let_in()

        try:
            await self.app({**scope, LET_IN: let_in}, receive, send)
        finally:
            give_back()


def let_in(scope: Scope) -> None:
    """Say that the owner of this socket is known: it no longer counts against its address."""
    known = scope.get(LET_IN)
    if known:
        known()
