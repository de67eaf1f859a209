"""ECHO: n subtasks, number i sleeps and returns i.

It measures Firmlight, and shows how to add a kind.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec

from firmlight_client.kinds import Kind
from firmlight_client.kinds.checking import check_places, packed_in_order, require

COUNT_MAX = 10_000_000


class EchoParams(msgspec.Struct, forbid_unknown_fields=True):
    """How many subtasks, how long each sleeps, and whether every value comes back."""

    count: Annotated[
        int, msgspec.Meta(ge=1, le=COUNT_MAX, description="How many subtasks", examples=[10])
    ]
    seconds: Annotated[
        float,
        msgspec.Meta(
            ge=0, le=3600, description="How long each of them sleeps, in seconds", examples=[0]
        ),
    ] = 0.0
    collect: Annotated[
        bool, msgspec.Meta(description="Give back every value, in order", examples=[False])
    ] = False


Count = Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)]
Sum = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX**2)]
Number = Annotated[int, msgspec.Meta(ge=0, lt=COUNT_MAX)]
Values = Annotated[list[Number], msgspec.Meta(max_length=COUNT_MAX)]


class Echo(Kind):
    """Payload `[i, seconds, collect]`; partial `[count, sum, values]`, values in no order."""

    name, title, version = "ECHO", "Echo (for benchmarks)", "1"
    Params = EchoParams
    Partial = tuple[Count, Sum, Values]
    subtask_seconds_max = 3605.0
    proves = True

    def split(self, params: EchoParams) -> Iterator[Any]:
        for number in range(params.count):
            yield number, params.seconds, params.collect

    def run(self, payload: Any) -> Any:
        number, seconds, collect = payload
        if seconds:
            time.sleep(seconds)
        return [1, number, [number] if collect else []]

    def combine(self, a: Any, b: Any) -> Any:
        return [a[0] + b[0], a[1] + b[1], a[2] + b[2]]

    def check(
        self,
        partial: Any,
        subtasks: Sequence[int],
        payloads: Sequence[Any] | None,
        params: EchoParams,
    ) -> None:
        """Subtask i returns i, so it is known exactly."""
        count, total, values = partial
        require(count == len(subtasks), f"it counts {count:,} subtasks of {len(subtasks):,}")
        require(total == sum(subtasks), "the sum is that of other subtasks")
        check_places(values, subtasks if params.collect else [])

    def canonical(self, partial: Any) -> bytes:
        count, total, values = partial
        return packed_in_order([count, total, sorted(values)])

    def finish(self, partial: Any, params: EchoParams) -> Any:
        """The result. Raises BadPartial unless it is that of all subtasks."""
        count, total, values = partial
        require(count == params.count, f"it counts {count:,} subtasks of {params.count:,}")
        require(total == count * (count - 1) // 2, "the sum is that of other subtasks")
        check_places(values, range(count) if params.collect else [])
        return self.finish_incomplete(partial, params)

    def finish_incomplete(self, partial: Any, params: EchoParams) -> Any:
        count, total, values = partial
        result = {"count": count, "sum": total}
        return {**result, "values": sorted(values)} if params.collect else result
