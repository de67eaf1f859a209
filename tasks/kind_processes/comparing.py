"""Whether partials of the same subtasks, computed by several owners, agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import msgspec

from firmlight_client import kinds
from firmlight_client.kinds.differences import first_difference
from tasks.kind_processes.part_checks import flaw_in_part, payloads_for
from tasks.verdicts import equality_classes

Runs = list[int]  # subtasks: first, how many, first, how many, …


class Difference(msgspec.Struct, array_like=True):
    """Where two candidates differ, in words: at this place is `first`, and `second` there."""

    one: int
    other: int
    first: str
    second: str


class Compared(msgspec.Struct):
    """What came of one check, for each of its candidates.

    Those that agree are of one class. Of one that cannot be right, by itself, `flaws` says why; it
    is of no class.
    """

    classes: list[int]  # -1: none
    flaws: list[str]  # "": nothing speaks against it
    differences: list[Difference]

    def words(self, expected: int, came: int) -> tuple[str, str]:
        """What was expected and what came, in words."""
        one, other = self.classes[expected], self.classes[came]
        for found in self.differences:
            if (found.one, found.other) == (one, other):
                return found.first, found.second
            if (found.one, found.other) == (other, one):
                return found.second, found.first
        return "what others computed", "something else"


def compare_candidates(
    kind: kinds.Kind,
    checks: Sequence[Sequence[Sequence[Runs]]],
    partials: Sequence[bytes],
    params: Any,
) -> list[Compared]:
    """Compare the candidates of each check.

    `checks` has for each check its candidates, for each of them its pieces, and of each piece the
    subtasks; `partials` are all pieces, in the same order.
    """
    payloads = payloads_for(kind, params)
    rest = iter(partials)
    found = []
    for candidates in checks:
        pieces = [[(next(rest), runs) for runs in candidate] for candidate in candidates]
        found.append(_compare(kind, pieces, payloads, params))
    return found


def _compare(
    kind: kinds.Kind,
    candidates: Sequence[Sequence[tuple[bytes, Runs]]],
    payloads: list[Any] | None,
    params: Any,
) -> Compared:
    judged = [_whole(kind, pieces, payloads, params) for pieces in candidates]
    flaws = [why for _, why in judged]
    sound = [place for place, why in enumerate(flaws) if not why]
    classes = [-1] * len(judged)
    partials = [judged[place][0] for place in sound]
    for place, first in zip(sound, equality_classes(partials, _sameness(kind)), strict=True):
        classes[place] = sound[first]
    firsts = sorted({found for found in classes if found >= 0})
    differences = [
        Difference(one, other, *_difference(judged[one][0], judged[other][0]))
        for one, other in combinations(firsts, 2)
    ]
    return Compared(classes, flaws, differences)


def _whole(
    kind: kinds.Kind,
    pieces: Sequence[tuple[bytes, Runs]],
    payloads: list[Any] | None,
    params: Any,
) -> tuple[Any, str]:
    """The partial that the pieces make, and why it cannot be right; "" if it can."""
    for partial, runs in pieces:
        if why := flaw_in_part(kind, partial, runs, payloads, params):
            return None, why
    try:
        partials = [kinds.decode_partial(kind, partial) for partial, _ in pieces]
        whole = kinds.combine_all(kind, partials)
        return kinds.carried_partial(kind, whole) if len(pieces) > 1 else whole, ""
    except Exception as error:  # noqa: BLE001  whoever sent it must not stop the others' checks
        return None, f"its pieces do not fit together: {type(error).__name__}"


def _sameness(kind: kinds.Kind) -> Any:
    def is_same(one: Any, other: Any) -> bool:
        try:
            return bool(kind.same(one, other))
        except Exception:  # noqa: BLE001  what cannot be compared does not agree
            return False

    return is_same


def _difference(one: Any, other: Any) -> tuple[str, str]:
    try:
        found = first_difference(kinds.carried(one), kinds.carried(other))
    except (TypeError, ValueError, OverflowError):
        found = None
    if found is None:
        return "what others computed", "something else"
    return f"{found.place} {found.expected}".strip(), f"{found.place} {found.came}".strip()
