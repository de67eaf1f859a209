"""Kinds as a bad machine computes them. To Python, a folder on PYTHONPATH with a dist-info is
installed.
"""

import fcntl
import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec

from firmlight_client.kinds import Kind

BAD_BIT = 2


class Params(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=1, le=100, description="How many", examples=[5])]


@cache
def is_bad() -> bool:
    """Whether this process is the bad one: the first that asks, for as long as it lives."""
    lock = os.open(Path(__file__), os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Squares(Kind):
    """Payload: a number; partial: `[its square]`, and those of others."""

    title, version = "Squares", "1"
    Params = Params
    Partial = Annotated[list[int], msgspec.Meta(max_length=100)]

    def split(self, params: Any) -> Any:
        return range(params.count)

    def run(self, payload: Any) -> Any:
        return [payload * payload]

    def combine(self, a: Any, b: Any) -> Any:
        return sorted(a + b)

    def finish(self, partial: Any, params: Any) -> Any:
        return partial


class Rotten(Squares):
    """In one process one bit of one answer is wrong.

    It is computed after FRAGILE: the death of the bad process would make another one bad.
    """

    name = "ROTTEN"

    def run(self, payload: Any) -> Any:
        return [payload * payload ^ (BAD_BIT if payload == 3 and is_bad() else 0)]


class Moody(Squares):
    """Never gives the same answer twice."""

    name = "MOODY"

    def run(self, payload: Any) -> Any:
        return [int.from_bytes(os.urandom(6), "big")]


class Fragile(Squares):
    """Its process dies in the third subtask."""

    name = "FRAGILE"

    def run(self, payload: Any) -> Any:
        if payload == 2:
            os.abort()
        return super().run(payload)


class Wandering(Moody):
    """Says that it never gives the same answer twice."""

    name = "WANDERING"
    deterministic = False


class Blank(Squares):
    """Shows no example of its input."""

    name = "BLANK"
    Params = msgspec.defstruct("Params", [("count", int)])
