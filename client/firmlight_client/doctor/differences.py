"""Where two partials differ first, in few words."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from firmlight_client import kinds
from firmlight_client.text import one_line

SHOWN_CHARS_MAX = 24
BEFORE_CHARS = 4  # of what is equal before the difference


class Difference(NamedTuple):
    """`place` is where in the partial: "[1]"; what is longer than a line has room for is cut."""

    place: str
    expected: str
    got: str


def canonical(kind: kinds.Kind, partial: bytes) -> bytes:
    """The same bytes for equal partials. Raises BadPartial."""
    return kind.canonical(kinds.decode_partial(kind, partial))


def is_same(kind: kinds.Kind, expected: bytes, got: bytes) -> bool:
    """Whether two partials, as they travel, say the same."""
    if got == expected:
        return True
    try:
        return canonical(kind, got) == canonical(kind, expected)
    except kinds.BadPartial:
        return False


def first_difference(expected: bytes, got: bytes) -> Difference:
    """Of two partials, as they travel, that are not the same."""
    try:
        values = (msgspec.msgpack.decode(expected), msgspec.msgpack.decode(got))
    except ValueError:  # what came is no MessagePack at all
        values = (expected, got)
    place, one, other = _descend("", *values)
    return Difference(place, *_shown(_text(one), _text(other)))


def _descend(place: str, one: Any, other: Any) -> tuple[str, Any, Any]:
    """The place of the first difference, and what stands there."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(f"[{index}]", *both) for index, both in enumerate(zip(one, other, strict=True))]
    elif isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs = [(f".{key}", one[key], other[key]) for key in one]
    else:
        return place, one, other
    for step, a, b in pairs:
        if _text(a) != _text(b):
            return _descend(place + step, a, b)
    return place, one, other


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else one_line(repr(value), chars_max=10_000)


def _shown(one: str, other: str) -> tuple[str, str]:
    """Both cut to SHOWN_CHARS_MAX, in such a way that the difference can be seen."""
    start = 0
    if max(len(one), len(other)) > SHOWN_CHARS_MAX:
        start = max(0, _shared_chars(one, other) // 2 * 2 - BEFORE_CHARS)  # whole bytes of hex
    mark = "…" if start else ""
    return (
        one_line(mark + one[start:], SHOWN_CHARS_MAX),
        one_line(mark + other[start:], SHOWN_CHARS_MAX),
    )


def _shared_chars(one: str, other: str) -> int:
    """How many characters at the beginning are the same."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
