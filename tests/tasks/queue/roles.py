"""Who takes part in the state machine, and how one of several is picked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

KINDS = ("ECHO@1", "MEAN@1")
WORKERS = {"laptop": KINDS, "tower": KINDS, "server": KINDS[:1], "phone": KINDS, "tablet": KINDS}
CREATORS = ("alice", "bob", "dora")
# one member has three names
OWNERS = {"laptop": "alice", "tower": "bob", "server": "carol", "phone": "alice", "tablet": "alice"}
SECONDS = (0.0, 1e-4)  # less than any round trip takes: believed as they are
T = TypeVar("T")


def pick(items: Iterable[T], number: int) -> T:
    row = list(items)
    return row[number % len(row)]


def some(items: Iterable[T], number: int, at_most: int = 1) -> list[T]:
    """Up to `at_most` different ones; none if there are none.

    What rules draw must not depend on what Redis did.
    """
    row = list(items)
    start = number % len(row) if row else 0
    return (row[start:] + row[:start])[:at_most]
