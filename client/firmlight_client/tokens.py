"""The two tokens of a log-in, and who renews them.

A refresh token is good for one renewal, so two renewals must never run at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import msgspec


class Pair(msgspec.Struct, frozen=True):
    """An access token and, if there is one, the refresh token that brings the next."""

    access: str = ""
    refresh: str = ""

    def __repr__(self) -> str:  # tokens must never get into a log
        return "Pair(…)"


Renew = Callable[[str], Pair]  # spends a refresh token; returns the new pair


class Tokens(Protocol):
    """Where a client's tokens live."""

    @property
    def pair(self) -> Pair:
        """Both tokens, as last seen."""

    def access(self) -> str:
        """The access token to use now; "" if there is none."""

    def renewed(self, stale: str, renew: Renew) -> str:
        """An access token other than `stale`; "" if none can be had."""


class MemoryTokens:
    """Tokens of one process; safe under threads."""

    def __init__(self, pair: Pair) -> None:
        self.pair: Pair = pair
        self.lock = threading.Lock()

    def access(self) -> str:
        return self.pair.access

    def renewed(self, stale: str, renew: Renew) -> str:
        with self.lock:
            if self.pair.access == stale:
                self.pair = renew(self.pair.refresh) if self.pair.refresh else Pair()
            return self.pair.access
