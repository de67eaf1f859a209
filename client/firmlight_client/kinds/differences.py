"""Where two partials of the same subtasks differ first, in words for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

NOTHING = "nothing"
LEVELS_MAX = 50  # below that, values are only called different
WORDS_CHARS_MAX = 200
BEFORE_CHARS = 4  # of what is equal before the difference, if what stands there is too long


class Difference(NamedTuple):
    """`place` is where in the partial: "sites[0].title"; "" if it is the whole."""

    place: str
    expected: str
    came: str


def first_difference(
    expected: Any, came: Any, chars_max: int = WORDS_CHARS_MAX
) -> Difference | None:
    """What was expected and what came at the first place where they differ; None if nowhere.

    Both are plain values, as MessagePack decodes them. ("count", "40,000", "32"), or
    ("sites[0].title", "'A'", "'B'"), or ("sites[3]", "nothing", "a list of 12"). What takes more
    than `chars_max` characters is cut, in such a way that the difference can be seen.
    """
    for place, one, other in _differences("", expected, came, LEVELS_MAX):
        return Difference(place, *_shown(_words(one), _words(other), chars_max))
    return None


class _Missing:
    """What stands for an entry that is not there."""


_MISSING = _Missing()


def _differences(place: str, one: Any, other: Any, levels: int) -> Iterator[tuple[str, Any, Any]]:
    """(place, expected, came) of each place where they differ, in order."""
    if levels and isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            below = f"{place}.{key}" if place else str(key)
            yield from _differences(
                below, one.get(key, _MISSING), other.get(key, _MISSING), levels - 1
            )
    elif levels and isinstance(one, list) and isinstance(other, list):
        for index in range(max(len(one), len(other))):
            below = f"{place}[{index}]"
            yield from _differences(below, _entry(one, index), _entry(other, index), levels - 1)
    elif not _is_equal(one, other):
        yield place, one, other


def _entry(entries: list[Any], index: int) -> Any:
    return entries[index] if index < len(entries) else _MISSING


def _is_equal(one: Any, other: Any) -> bool:
    """As their bytes are: 1 is not 1.0, and NaN is NaN."""
    if isinstance(one, float) and isinstance(other, float):
        return repr(one) == repr(other)
    return type(one) is type(other) and bool(one == other)


def _words(value: Any) -> str:
    match value:
        case _Missing():
            return NOTHING
        case bool() | None:
            return str(value)
        case int():
            return f"{value:,}"
        case dict():
            return f"a map of {len(value):,}"
        case list():
            return f"a list of {len(value):,}"
        case bytes():
            return f"0x{value.hex()}"
    return repr(value)


def _shown(one: str, other: str, chars_max: int) -> tuple[str, str]:
    """Both cut to `chars_max`."""
    start = 0
    if max(len(one), len(other)) > chars_max:
        start = max(0, _shared_chars(one, other) // 2 * 2 - BEFORE_CHARS)  # whole bytes of hex
    return _cut(one, start, chars_max), _cut(other, start, chars_max)


def _cut(text: str, start: int, chars_max: int) -> str:
    left = f"…{text[start:]}" if start else text
    return left if len(left) <= chars_max else f"{left[: chars_max - 1]}…"


def _shared_chars(one: str, other: str) -> int:
    """How many characters at the beginning are the same."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
