"""Whether two partials, as they travel, say the same, and where they differ."""

from __future__ import annotations

import msgspec

from firmlight_client import kinds
from firmlight_client.kinds.differences import Difference, first_difference
from firmlight_client.text import one_line

SHOWN_CHARS_MAX = 24  # what a line of the report has room for


def canonical(kind: kinds.Kind, partial: bytes) -> bytes:
    """The same bytes for equal partials. Raises BadPartial."""
    return kind.canonical(kinds.decode_partial(kind, partial))


def is_same(kind: kinds.Kind, expected: bytes, came: bytes) -> bool:
    """Whether two partials, as they travel, say the same."""
    if came == expected:
        return True
    try:
        return canonical(kind, came) == canonical(kind, expected)
    except kinds.BadPartial:
        return False


def difference(expected: bytes, came: bytes) -> Difference:
    """Of two partials, as they travel, that are not the same."""
    try:
        values = (msgspec.msgpack.decode(expected), msgspec.msgpack.decode(came))
    except ValueError:  # what came is no MessagePack at all
        values = (expected, came)
    found = first_difference(*values, SHOWN_CHARS_MAX) or Difference("", expected.hex(), came.hex())
    words = (one_line(text, SHOWN_CHARS_MAX) for text in (found.expected, found.came))
    return Difference(one_line(found.place), *words)
