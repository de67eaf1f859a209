"""Wrong partials made of right ones, to try a kind's `check` with.

They are plain values, as MessagePack carries them. Each differs from the right one in one place:
what a liar, a bug or a flipped bit would send.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

DESCEND = 0.8  # how likely the change is within a list or map, not of it as a whole
WHOLE, BESIDE = 1 / 3, 1 / 2  # how likely another's list comes whole, its entry beside one's own
Change = Callable[[Any, random.Random], Any]


def mutated(value: Any, others: Sequence[Any], chance: random.Random) -> Any:
    """The value with one change somewhere; now and then it has none.

    `others` are what stands in this place in the partials of other subtasks, as far as anything
    does.
    """
    if isinstance(value, list | dict) and value and chance.random() < DESCEND:
        return _mutated_within(value, others, chance)
    changes = CHANGES.get(type(value), ())
    at = chance.randrange(len(changes) + bool(others)) if changes or others else 0
    if at < len(changes):
        return changes[at](value, chance)
    if not others:
        return value
    return _of_another(value, chance.choice(others), chance)


def _mutated_within(value: Any, others: Sequence[Any], chance: random.Random) -> Any:
    copy = value.copy()
    place = chance.choice(_places(value))
    there = [other[place] for other in others if place in _places(other)]
    copy[place] = mutated(value[place], there, chance)
    return copy


def _places(value: Any) -> list[Any]:
    """Where a list or map holds something."""
    if isinstance(value, list):
        return list(range(len(value)))
    return list(value) if isinstance(value, dict) else []


def _of_another(value: Any, other: Any, chance: random.Random) -> Any:
    """What another subtask has here, or one entry of it beside or in place of one's own."""
    if not (
        isinstance(value, list) and isinstance(other, list) and other and chance.random() < 2 / 3
    ):
        return other
    entry = chance.choice(other)
    if not value or chance.random() < BESIDE:
        return [*value, entry]
    copy = value.copy()
    copy[chance.randrange(len(copy))] = entry
    return copy


def _shortened(value: Any, chance: random.Random) -> Any:
    """Without one of its elements, bytes or characters."""
    at = chance.randrange(len(value)) if value else 0
    return value[:at] + value[at + 1 :]


def _extended(value: Any, chance: random.Random) -> Any:
    """With one of its elements, bytes or characters twice."""
    at = chance.randrange(len(value)) if value else 0
    return value + value[at : at + 1]


def _reordered(value: list[Any], chance: random.Random) -> list[Any]:
    return chance.sample(value, len(value))


def _altered_text(value: str, chance: random.Random) -> str:
    """Another digit in place of a digit, another letter in place of anything else."""
    if not value:
        return "x"
    at = chance.randrange(len(value))
    is_digit = value[at] in "0123456789"
    new = chance.choice("123456789" if is_digit else "abcxyz")
    return value[:at] + new + value[at + 1 :]


def _altered_bytes(value: bytes, chance: random.Random) -> bytes:
    """With one bit turned."""
    copy = bytearray(value or b"\0")
    copy[chance.randrange(len(copy))] ^= 1 << chance.randrange(8)
    return bytes(copy)


def _without_a_key(value: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    gone = chance.choice(list(value)) if value else None
    return {key: inner for key, inner in value.items() if key != gone}


def _with_another_key(value: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    old = chance.choice(list(value)) if value else ""
    new = _altered_text(old, chance)
    return {new if key == old else key: inner for key, inner in value.items()}


NUMBERS: tuple[Change, ...] = (
    lambda value, _: value + 1,
    lambda value, _: value - 1,
    lambda value, _: value * 2,
    lambda value, _: -value,
)
CHANGES: dict[type, tuple[Change, ...]] = {
    bool: (lambda value, _: not value,),
    int: NUMBERS,
    float: NUMBERS,
    str: (_altered_text, _shortened, _extended),
    bytes: (_altered_bytes, _shortened, _extended),
    list: (_shortened, _extended, _reordered),
    dict: (_without_a_key, _with_another_key),
}
