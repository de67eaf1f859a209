"""Partials as they arrive: bytes from a machine that nobody vouches for, decoded within bounds.

A kind declares `Partial`, a msgspec type in which every text, list and map has a largest length.
What arrives is decoded against it, so nothing larger and nothing of another shape is ever made;
msgspec refuses a header that promises more than follows before it takes memory for it. A kind
without `Partial`, or whose type leaves something open (`Any`, a list without `max_length`), gets
generic limits as well: they are counted on the bytes, before any object is made.

The type must be plain: a hook such as `__post_init__` would be code that runs where bytes arrive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from firmlight_client.kinds import Kind

GENERIC_DEPTH_MAX = 32  # lists and maps within each other
GENERIC_ELEMENTS_MAX = 1_000_000  # values and keys of maps, all together
REASON_CHARS_MAX = 300


class BadPartial(ValueError):
    """The bytes are no partial of the kind; the message says what is wrong, and where."""


def decode_partial(kind: Kind, data: bytes) -> Any:
    """The partial that these bytes are, as `kind.Partial`. Raises BadPartial, and nothing else.

    Of a key that comes twice in a map the last one counts.
    """
    return decoder_of(type(kind))(data)


@cache
def decoder_of(kind: type[Kind]) -> Callable[[bytes], Any]:
    """`decode_partial` of this kind, made ready: for those who decode thousands."""
    whole = (
        msgspec.msgpack.Decoder() if kind.Partial is None else msgspec.msgpack.Decoder(kind.Partial)
    )
    scans, decode = is_scanned(kind), whole.decode

    def decode_one(data: bytes) -> Any:
        if scans:
            check_generic(data)
        try:
            return decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError, MemoryError) as error:
            reason = str(error).replace("\0", "\N{REPLACEMENT CHARACTER}")  # databases keep no NUL
            raise BadPartial(reason[:REASON_CHARS_MAX] or type(error).__name__) from None

    return decode_one


@cache
def is_scanned(kind: type[Kind]) -> bool:
    """Whether generic limits are counted first, which takes longer: up to 0.4 µs a byte."""
    return kind.Partial is None or bool(loose_ends(kind.Partial))


# Generic limits


def _complete_sizes() -> list[int]:
    """For each first byte of a value its size in bytes, if that alone tells; 0 for all others."""
    sizes = [0] * 256
    for head in (*range(0x80), *range(0xE0, 0x100), 0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xC3):
        sizes[head] = 1  # small integers, nil, false, true, and what is empty
    for head in range(0xA1, 0xC0):
        sizes[head] = 1 + (head & 0x1F)  # short texts
    for head, size in (
        (0xCA, 5),
        (0xCB, 9),
        *zip(range(0xCC, 0xD4), (2, 3, 5, 9, 2, 3, 5, 9), strict=True),
    ):
        sizes[head] = size  # floats and integers
    return sizes


SIZES = _complete_sizes()
BLOBS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}  # how many bytes their length takes
TEXTS = frozenset([*range(0xA0, 0xC0), 0xD9, 0xDA, 0xDB])
LISTS, MAPS = {0xDC: 2, 0xDD: 4}, {0xDE: 2, 0xDF: 4}  # likewise
ONE_BYTE_VALUES = re.compile(rb"[\x00-\x80\x90\xa0\xc0\xc2\xc3\xe0-\xff]*", re.DOTALL)
RUN_MIN = 16  # a list with as much to come is searched for a run of them


def check_generic(data: bytes) -> None:
    """Raise BadPartial unless this is one value within the generic limits.

    That is None, truth values, integers, floats, texts, bytes, lists, and maps with texts as keys.
    It only looks at the bytes, at GENERIC_ELEMENTS_MAX values of them at most, and makes nothing of
    them. (https://github.com/msgpack/msgpack/blob/master/spec.md)
    """
    try:
        end = _scan(data)
    except IndexError:
        end = len(data) + 1
    if end > len(data):
        raise BadPartial("Input data was truncated")
    if end < len(data):
        raise BadPartial(f"trailing characters (byte {end})")


def _scan(data: bytes) -> int:
    """Where the value ends. Raises IndexError where the data ends before, if it notices."""
    at, seen = 0, 0
    outer: list[tuple[int, bool]] = []  # lists and maps around: values to come, whether it is a map
    left, in_map = 1, False  # of the innermost one
    while True:
        while left == 0:
            if not outer:
                return at
            left, in_map = outer.pop()
        head = data[at]
        size, run = SIZES[head], 1
        if in_map and left % 2 == 0 and head not in TEXTS:
            raise BadPartial(f"a key of a map is no text (byte {at})")
        if (
            size == 1 and left >= RUN_MIN and not in_map
        ):  # small integers or empty maps, in one look
            size = run = _end_of_run(data, at, left) - at
        seen, left = seen + run, left - run
        if seen > GENERIC_ELEMENTS_MAX:
            raise BadPartial(f"more than {GENERIC_ELEMENTS_MAX:,} values")
        if size:
            at += size
        elif head in BLOBS:
            at += _length(data, at + 1, BLOBS[head]) + 1 + BLOBS[head]
        else:
            outer.append((left, in_map))
            left, in_map, at = _opened(data, at, head, len(outer))


def _end_of_run(data: bytes, at: int, most: int) -> int:
    """Where a run of up to `most` values of one byte each ends."""
    found = ONE_BYTE_VALUES.match(data, at, min(at + most, len(data)))
    return found.end() if found else at


def _length(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "big")


def _opened(data: bytes, at: int, head: int, depth: int) -> tuple[int, bool, int]:
    """Of a list or map: how many values it holds, whether it is a map, and where they begin."""
    if depth > GENERIC_DEPTH_MAX:
        raise BadPartial(f"nested deeper than {GENERIC_DEPTH_MAX}")
    is_map = head in MAPS or 0x80 <= head <= 0x8F
    if 0x80 <= head <= 0x9F:
        count, at = head & 0x0F, at + 1
    elif head in LISTS or is_map:
        width = LISTS.get(head) or MAPS[head]
        count, at = _length(data, at + 1, width), at + 1 + width
    else:
        raise BadPartial(f"nothing that may travel begins with 0x{head:02x} (byte {at})")
    values = 2 * count if is_map else count
    if values > len(data) - at:
        raise IndexError
    return values, is_map, at


# What a type leaves open


def loose_ends(partial: Any) -> list[str]:
    """What a `Partial` type does not bound, and where it would run code: a few words each."""
    try:
        return list(dict.fromkeys(_loose(inspect.type_info(partial), frozenset())))
    except (TypeError, ValueError) as error:
        return [f"msgspec cannot decode it: {error}"]


OPEN = (inspect.AnyType, inspect.RawType, inspect.CustomType, inspect.ExtType, inspect.DecimalType)
SIZED = (
    inspect.StrType,
    inspect.BytesType,
    inspect.ByteArrayType,
    inspect.MemoryViewType,
    inspect.CollectionType,
    inspect.DictType,
)


def _loose(found: inspect.Type, within: frozenset[type]) -> Iterator[str]:
    """Of one type and all that it is made of; `within` are the classes around it."""
    if isinstance(found, inspect.Metadata):
        found = found.type
    own: Any = getattr(found, "cls", None)
    if own in within:
        yield f"{own.__name__} holds itself"
        return
    if isinstance(found, OPEN):
        yield f"{_name(found)} may be of any size"
    elif isinstance(found, SIZED) and found.max_length is None:
        yield f"{_name(found)} without max_length"
    elif hasattr(own, "__post_init__"):
        yield f"{own.__name__} runs code of its own (__post_init__)"
    for inner in _parts_of(found):
        yield from _loose(inner, within if own is None else within | {own})


def _name(found: inspect.Type) -> str:
    return type(found).__name__.removesuffix("Type").lower()


def _parts_of(found: inspect.Type) -> list[inspect.Type]:
    if isinstance(found, inspect.CollectionType):
        return [found.item_type]
    if isinstance(found, inspect.DictType):
        return [found.key_type, found.value_type]
    if isinstance(found, inspect.TupleType):
        return list(found.item_types)
    if isinstance(found, inspect.UnionType):
        return list(found.types)
    return [field.type for field in getattr(found, "fields", ())]  # of classes
