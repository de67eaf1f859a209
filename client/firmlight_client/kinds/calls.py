"""Thousands of small calls of one kind as one task: each subtask is a whole call, so leases fit
them to each worker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import msgspec

from firmlight_client.kinds import (
    CALLS,
    BadPartial,
    Kind,
    ParamsError,
    carried,
    example,
    is_comparable,
)
from firmlight_client.kinds.checking import check_places, packed_in_order

CALLS_MAX = 10_000


class Calls(Kind):
    """Payload: `[place of the call, its params]`; partial: `[[place, the call's own partial], …]`
    in no order. It is checked as the kind checks each call.

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

    def check(
        self,
        partial: Sequence[Any],
        subtasks: Sequence[int],
        payloads: Sequence[Any] | None,
        params: Any,
    ) -> None:
        """Just the calls of these subtasks, and each as the kind itself checks a whole call."""
        check_places([place for place, _ in partial], subtasks)
        for place, own in partial:
            call = params.calls[place]
            parts = list(self.kind.split(call))
            given = [carried(payload) for payload in parts] if self.kind.checks_payloads else None
            try:
                self.kind.check(own, range(len(parts)), given, call)
            except BadPartial as error:
                raise BadPartial(f"call {place + 1}: {error}") from None

    def canonical(self, partial: Sequence[Any]) -> bytes:
        rows = [(place, self.kind.canonical(own)) for place, own in partial]
        return packed_in_order(sorted(rows))

    def same(self, a: Sequence[Any], b: Sequence[Any]) -> bool:
        ours, theirs = _by_place(a), _by_place(b)
        if [place for place, _ in ours] != [place for place, _ in theirs]:
            return False
        pairs = zip(ours, theirs, strict=True)
        return all(self.kind.same(own, other) for (_, own), (_, other) in pairs)

    def finish(self, partial: Sequence[Any], params: Any) -> dict[str, Any]:
        """The results of all calls. Raises BadPartial unless each is there once."""
        check_places([place for place, _ in partial], range(len(params.calls)))
        return self._finished(partial, params)

    def finish_incomplete(self, partial: Sequence[Any], params: Any) -> dict[str, Any]:
        places = [place for place, _ in partial]
        check_places(places, sorted(set(places) & set(range(len(params.calls)))))
        return self._finished(partial, params)

    def _finished(self, partial: Sequence[Any], params: Any) -> dict[str, Any]:
        return {
            "results": [
                [place, self.kind.finish(own, params.calls[place])]
                for place, own in _by_place(partial)
            ]
        }

    def summary(self, params: Any) -> list[tuple[str, str]]:
        return [("Calls", f"{len(params.calls):,}")]


def _by_place(partial: Sequence[Any]) -> list[Any]:
    return sorted(partial, key=lambda row: row[0])


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
    belief = {
        "deterministic": kind.deterministic,
        "proves": kind.proves,
        "comparable": is_comparable(kind),
    }
    made: Kind = type(
        f"{type(kind).__name__}Calls",
        (Calls,),
        {**facts, **limits, **belief, "Params": params, "Partial": partial},
    )()
    return made


def _of_call(error: ParamsError) -> ParamsError:
    """msgspec names the call in its path, but not where the kind itself says what is wrong."""
    found = re.search(r"\$\.calls\[(\d+)\]", str(error.__context__))
    return ParamsError(f"call {int(found[1]) + 1}: {error.message}", "calls") if found else error
