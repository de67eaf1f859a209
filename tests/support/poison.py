"""Partials that no honest worker sends, as bytes, for those who attack on purpose."""

from __future__ import annotations

import msgspec

encode = msgspec.msgpack.encode
MIB = 2**20

# Nothing of these is a partial of any kind.
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no MessagePack": b"\xc1",
    "a list of 2^32 that is not there": b"\xdd\xff\xff\xff\xff",
    "a text that is no UTF-8": b"\x91\xa2\xff\xfe",
    "lists in lists": b"\x91" * 100_000 + b"\x90",
    "more than one value": encode([1, 1, []]) * 2,
    "an extension": b"\xd4\x05a",
}
# These are MessagePack, but not within what each kind can compute.
OUT_OF_BOUNDS: dict[str, bytes] = {
    "an exponent of 10^12": encode([["2", 10**12]]),
    "a prime of 1000 digits": encode([["7" * 1000, 1]]),
    "another shape": encode({"count": 1, "sum": 0}),
    "not finite": encode([1, b"\0", b"\0", float("nan"), float("inf"), [0, 0, [1]]]),
    "half a MiB of texts": encode([["x" * MIB]])[: MIB // 2],
    "300 KiB of numbers that are none": encode(["x"] * 150_000),
}


def empty_maps(size: int = 8 * MIB) -> bytes:
    """A list of as many empty maps as fit into `size` bytes: a byte each here, some 64 bytes each
    in memory.
    """
    return b"\xdd" + (size - 5).to_bytes(4, "big") + b"\x80" * (size - 5)


POISONED = {**MALFORMED, **OUT_OF_BOUNDS, "8 MiB of empty maps": empty_maps()}
