"""The answers of all slots to subtasks of which no true partial is known."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

from firmlight_client import kinds
from firmlight_client.doctor.answers import canonical, difference
from firmlight_client.kinds.differences import Difference


class Place(NamedTuple):
    """A subtask of a kind; `position` is wire.COMBINING for all partials in one."""

    kind: str
    position: int


class Odd(NamedTuple):
    """A slot gave an answer, so many `times`, that the others do not share."""

    slot: int
    place: Place
    times: int
    difference: Difference


class Answer:
    """One answer, and how often each slot gave it."""

    def __init__(self, partial: bytes) -> None:
        self.partial = partial
        self.slots = Counter[int]()


class Comparison:
    """Collects answers, and tells those in a minority."""

    def __init__(self) -> None:
        self.places: defaultdict[Place, dict[bytes, Answer]] = defaultdict(dict)

    def add(self, kind: kinds.Kind, position: int, slot: int, partial: bytes) -> None:
        try:
            same = canonical(kind, partial)
        except kinds.BadPartial:
            same = partial
        answers = self.places[Place(kind.name, position)]
        answers.setdefault(same, Answer(partial)).slots[slot] += 1

    def odd(self) -> list[Odd]:
        """Whose answers differ from the most frequent one; if two are, from each other."""
        return [odd for place, answers in self.places.items() for odd in _odd(place, answers)]


def _odd(place: Place, answers: dict[bytes, Answer]) -> list[Odd]:
    ranked = sorted(answers.values(), key=lambda answer: -answer.slots.total())
    if len(ranked) == 1:
        return []
    first, second = ranked[:2]
    is_tie = first.slots.total() == second.slots.total()
    found = list[Odd]()
    for answer in ranked if is_tie else ranked[1:]:
        other = second if answer is first else first
        what = difference(other.partial, answer.partial)
        found += [Odd(slot, place, times, what) for slot, times in answer.slots.items()]
    return found
