"""Packed responses (Content-Encoding), unpacked no further than asked.

A small response can hold gigabytes.
"""

from __future__ import annotations

import zlib

GZIP, ZLIB, DEFLATE = 31, 15, -15  # zlib's name of the three: window bits
_BITS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}
_UNKNOWN_TO_US = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})


class CannotUnpack(ValueError):
    """The text says why, and goes on after "the answer"."""


def unpacker(encoding: str) -> Unpacker | None:
    """What unpacks a body with this Content-Encoding; None: it is not packed. Raises CannotUnpack.

    Browsers take a body as it is if they do not know the name: `utf-8` and `none` occur.
    """
    names = [name for name in encoding.lower().replace(" ", "").split(",") if name]
    packed = [name for name in names if name in _BITS or name in _UNKNOWN_TO_US]
    if not packed:
        return None
    if len(packed) > 1 or packed[0] in _UNKNOWN_TO_US:
        raise CannotUnpack(f"is encoded as {', '.join(packed)[:40]}")
    return Unpacker(_BITS[packed[0]])


class Unpacker:
    """One body, piece by piece.

    As in browsers: what does not begin like gzip is taken as it is, a second gzip member follows
    the first, and other bytes after a member are ignored.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._stream = zlib.decompressobj(bits)
        self._held = b""  # the first byte of a member, until the second is here
        self._fresh = True  # nothing of this member was read yet
        self._members = 0
        self._plain = self._over = self._broken = False

    @property
    def whole(self) -> bool:
        """Whether the packed data ended where it says that it ends."""
        ended = self._over or (self._fresh and self._members > 0)
        return self._plain or (ended and not self._broken)

    def unpack(self, piece: bytes, room: int) -> bytes:
        """At most `room` bytes (1 or more) of what `piece` adds; what is beyond is lost.

        Raises CannotUnpack.
        """
        out = bytearray()
        piece, self._held = self._held + piece, b""
        while piece and len(out) < room and not self._over:
            if self._fresh and not self._plain:
                if len(piece) < 2:
                    self._held = piece
                    break
                self._look(piece[0], piece[1])
            if self._plain:
                out += piece[: room - len(out)]
                break
            if not self._over:
                out += self._inflate(piece, room - len(out))
                piece = self._next_member()
        return bytes(out)

    def _look(self, first: int, second: int) -> None:
        """Judge a member by its first two bytes."""
        if self._bits == GZIP and (first, second) != (0x1F, 0x8B):
            self._plain = self._members == 0
            self._over = not self._plain
        if self._bits == ZLIB and (first & 15 != 8 or (first << 8 | second) % 31):
            self._bits = DEFLATE  # what servers call deflate is often without zlib's head
            self._stream = zlib.decompressobj(DEFLATE)

    def _inflate(self, piece: bytes, room: int) -> bytes:
        self._fresh = False
        try:
            return self._stream.decompress(piece, room)
        except zlib.error:
            if self._members == 0:
                raise CannotUnpack("is not the gzip it claims to be") from None
            self._over = self._broken = True
            return b""

    def _next_member(self) -> bytes:
        """What lies behind the end of a member; empty while it has not ended."""
        if not self._stream.eof:
            return b""
        behind = self._stream.unused_data
        self._members += 1
        self._fresh = True
        if self._bits == GZIP:
            self._stream = zlib.decompressobj(GZIP)
        else:
            self._over = True
        return behind
