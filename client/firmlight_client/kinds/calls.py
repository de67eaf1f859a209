"""Thousands of small calls of one kind as one task: each subtask is a whole call, so leases fit
them to each worker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from firmlight_client.kinds import CALLS, Kind, ParamsError, example

CALLS_MAX = 10_000


class Calls(Kind):
    """Payload: `[place of the call, its params]`; partial: `[[place, the call's own partial], …]`
    in no order.

    Result: `{"results": [[place, result of the call], …]}` by place; of an incomplete task, those
    that are there.
    """

    kind: ClassVar[Kind]

    def load(self, data: Mapping[str, Any]) -> Any:
        """As the kind takes each call. Raises ParamsError, which says where."""
        try:
            return super().load(data)
        except ParamsError as error:
            raise _of_call(error) from None

    def split(self, params: Any) -> Iterator[list[Any]]:
        for place, call in enumerate(params.calls):
            yield [place, msgspec.to_builtins(call, builtin_types=(bytes,))]

    def run(self, payload: list[Any]) -> list[Any]:
        place, call = payload
        return [[place, self.kind.whole(msgspec.convert(call, self.kind.Params))]]

    def combine(self, a: list[Any], b: list[Any]) -> list[Any]:
        return [*a, *b]

    def finish(self, partial: list[Any], params: Any) -> dict[str, Any]:
        ordered = sorted(partial, key=lambda row: row[0])
        return {
            "results": [
                [place, self.kind.finish(own, params.calls[place])] for place, own in ordered
            ]
        }

    def summary(self, params: Any) -> list[tuple[str, str]]:
        return [("Calls", f"{len(params.calls):,}")]


def calls_of(kind: Kind) -> Kind:
    """The kind that does many calls of this one."""
    described = msgspec.Meta(
        title="Calls",
        description=f"The params of each call of {kind.name}.",
        min_length=1,
        max_length=CALLS_MAX,
        examples=[[example(kind)]],
    )
    row = list[kind.Params]  # type: ignore[name-defined]  # known when it runs
    params = msgspec.defstruct(
        "CallsParams", [("calls", Annotated[row, described])], forbid_unknown_fields=True
    )
    partial = None
    if kind.Partial is not None:
        place = Annotated[int, msgspec.Meta(ge=0, lt=CALLS_MAX)]
        calls = list[tuple[place, kind.Partial]]  # type: ignore[name-defined]  # known when it runs
        partial = Annotated[calls, msgspec.Meta(min_length=1, max_length=CALLS_MAX)]
    facts = {
        "kind": kind,
        "name": kind.name + CALLS,
        "title": f"{kind.title}, many calls",
        "version": kind.version,
    }
    limits = {"network": kind.network, "subtask_seconds_max": kind.subtask_seconds_max}
    made: Kind = type(
        f"{type(kind).__name__}Calls",
        (Calls,),
        {**facts, **limits, "Params": params, "Partial": partial},
    )()
    return made


def _of_call(error: ParamsError) -> ParamsError:
    """msgspec names the call in its path, but not where the kind itself says what is wrong."""
    found = re.search(r"\$\.calls\[(\d+)\]", str(error.__context__))
    return ParamsError(f"call {int(found[1]) + 1}: {error.message}", "calls") if found else error
