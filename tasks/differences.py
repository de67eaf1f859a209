"""Where two partials of the same subtasks differ, in words for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NOTHING = "nothing"
LEVELS_MAX = 50  # below that, values are only called different
VALUE_CHARS_MAX = 200


def first_difference(expected: Any, came: Any) -> tuple[str, str] | None:
    """What was expected and what came at the first place where they differ; None if nowhere.

    Both are plain values, as MessagePack decodes them. ("count 40,000", "count 32"), or
    ("sites[0].title 'A'", "sites[0].title 'B'"), or ("sites[3] nothing", "sites[3] 12 entries").
    """
    for path, one, other in _differences("", expected, came, LEVELS_MAX):
        words = (f"{path} {_words(value)}".strip() for value in (one, other))
        return next(words), next(words)
    return None


class _Missing:
    """What stands for an entry that is not there."""


_MISSING = _Missing()


def _differences(path: str, one: Any, other: Any, levels: int) -> Iterator[tuple[str, Any, Any]]:
    """(path, expected, came) of each place where they differ, in order."""
    if levels and isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            below = f"{path}.{key}" if path else str(key)
            yield from _differences(
                below, one.get(key, _MISSING), other.get(key, _MISSING), levels - 1
            )
    elif levels and isinstance(one, list) and isinstance(other, list):
        for place in range(max(len(one), len(other))):
            below = f"{path}[{place}]"
            yield from _differences(below, _entry(one, place), _entry(other, place), levels - 1)
    elif not _is_equal(one, other):
        yield path, one, other


def _entry(entries: list[Any], place: int) -> Any:
    return entries[place] if place < len(entries) else _MISSING


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
        case dict() | list():
            return "1 entry" if len(value) == 1 else f"{len(value):,} entries"
        case bytes():
            return f"{len(value):,} bytes"
    return repr(value)[:VALUE_CHARS_MAX]
