"""Packed answers give all of their bytes, and never more than there is room for."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._unpacking import CannotUnpack, Unpacker, unpacker
from tests.client.kinds import steady

RAW = zlib.compressobj(wbits=-15)
DEFLATED = RAW.compress(b"deflated") + RAW.flush()


def unpacked(
    packed: bytes, encoding: str = "gzip", size: int = 5, room: int = 1000
) -> tuple[bytes, bool]:
    """What comes of it in pieces of `size` bytes, and whether it was whole."""
    stream, out = unpacker(encoding), b""
    assert isinstance(stream, Unpacker)
    for start in range(0, len(packed), size):
        if len(out) == room:
            break
        out += stream.unpack(packed[start : start + size], room - len(out))
    return out, stream.whole


ONE, TWO = (
    gzip.compress(word, mtime=0) for word in (b"one", b"two")
)  # no time: a test keeps its name


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("packed", "encoding", "data", "whole"),
    [
        (ONE, "gzip", b"one", True),
        (ONE + TWO, "X-GZIP", b"onetwo", True),
        (ONE + gzip.compress(b"", mtime=0) + TWO, "gzip", b"onetwo", True),
        (ONE + b"\0" * 9, "gzip", b"one", True),
        (ONE + b"\x1fgarbage", "gzip", b"one", True),
        (b"never packed", "gzip", b"never packed", True),
        (ONE[:-3], "gzip", b"one", False),
        (ONE + TWO[:-5], "gzip", b"onetwo", False),
        (zlib.compress(b"deflated"), "deflate", b"deflated", True),
        (DEFLATED, "deflate", b"deflated", True),
        (ONE, "identity, gzip", b"one", True),
    ],
    ids=[
        "one",
        "two",
        "an-empty-one-between",
        "zeros-behind",
        "garbage-behind",
        "not-packed",
        "cut-short",
        "the-second-cut-short",
        "zlib",
        "bare-deflate",
        "identity-too",
    ],
)
def test_every_member_is_unpacked(packed, encoding, data, whole, size):
    assert unpacked(packed, encoding, size) == (data, whole)


@pytest.mark.parametrize("encoding", ["", "identity", "none", "utf-8", "UTF-8, identity", ","])
def test_what_names_no_packing_is_none(encoding):
    assert unpacker(encoding) is None


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "br,gzip", "Compress"])
def test_what_we_cannot_unpack_is_refused(encoding):
    with pytest.raises(CannotUnpack, match="is encoded as"):
        unpacker(encoding)


def test_a_broken_member_is_reported():
    with pytest.raises(CannotUnpack, match="not the gzip"):
        unpacked(b"\x1f\x8bnothing of the sort")


def test_it_stops_where_the_room_ends():
    assert unpacked(gzip.compress(bytes(2**20)), room=1000)[0] == bytes(1000)
    assert unpacked(gzip.compress(bytes(600)) * 9, room=1000)[0] == bytes(1000)


@steady
@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    st.integers(1, 60),
    st.binary(max_size=9),
)
def test_members_cut_anywhere_give_the_same(members, size, behind):
    packed = b"".join(map(gzip.compress, members)) + behind.lstrip(b"\x1f")
    assert unpacked(packed, size=size) == (b"".join(members), True)


@steady
@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]), st.integers(1, 200))
def test_no_bytes_raise_anything_else(packed, encoding, size):
    try:
        out, _ = unpacked(b"\x1f\x8b\x08" + packed, encoding, size, room=100)
        assert len(out) <= 100
    except CannotUnpack:
        pass
