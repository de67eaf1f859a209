"""A kind of which some subtasks never succeed. A folder on PYTHONPATH with a dist-info is an
installed package.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec

from firmlight_client.kinds import Kind
from firmlight_client.kinds.checking import check_places, packed_in_order


class PoisonParams(msgspec.Struct, forbid_unknown_fields=True):
    """`count` subtasks, of which those in `bad` fail in this way, wherever they run."""

    count: int
    bad: list[int]
    how: Literal["raise", "exit", "segfault", "hang"]


class Poison(Kind):
    """Payload `[i, how]`, how "" for the good ones; partial a list of numbers."""

    name, title, version = "POISON", "Fails (for tests)", "1"
    Params = PoisonParams
    Partial = Annotated[
        list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(max_length=1_000_000)
    ]
    subtask_seconds_max = 1.0
    proves = True

    def split(self, params: PoisonParams) -> Iterator[Any]:
        for number in range(params.count):
            yield number, params.how if number in params.bad else ""

    def run(self, payload: Any) -> list[int]:
        number, how = payload
        if how == "raise":
            raise ValueError("poison")
        if how == "exit":
            sys.exit(3)
        if how == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if how == "hang":
            time.sleep(3600)
        return [number]

    def combine(self, a: list[int], b: list[int]) -> list[int]:
        return a + b

    def check(
        self,
        partial: list[int],
        subtasks: Sequence[int],
        payloads: Sequence[Any] | None,
        params: PoisonParams,
    ) -> None:
        check_places(partial, subtasks)

    def canonical(self, partial: list[int]) -> bytes:
        return packed_in_order(sorted(partial))

    def finish(self, partial: list[int], params: PoisonParams) -> dict[str, Any]:
        return {"values": sorted(partial)}
