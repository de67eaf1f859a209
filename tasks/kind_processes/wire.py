"""What travels between the server and a child that runs kinds: frames through two pipes.

A frame is its head's length (8 bytes, little-endian), the head (one of the structs below as
MessagePack), and the pieces whose sizes the head names, each raw: large inputs are not packed a
second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

LENGTH_BYTES = 8
HEAD_BYTES_MAX = 64 * 2**20  # heads carry params as JSON had them, never files


class Call(msgspec.Struct, tag="call", kw_only=True):
    """Do one thing with a kind.

    `version` is the one that the server has; a child that has another refuses.
    """

    operation: str  # a function of `operations`
    kind: str
    version: str
    arguments: Any
    processor_seconds: float
    sizes: list[int] = []


class Started(msgspec.Struct, tag="started"):
    """The first frame of a child: its kinds are imported."""


class Piece(msgspec.Struct, tag="piece"):
    """A part of an answer that comes in parts."""

    value: Any
    sizes: list[int] = []


class Value(msgspec.Struct, tag="value", kw_only=True):
    """The end of an answer.

    `worn` says that the child ends now, because what ran in it has left too little memory.
    """

    value: Any
    sizes: list[int] = []
    worn: bool = False


class Failed(msgspec.Struct, tag="failed", kw_only=True):
    """No answer, because the call failed.

    `reason` is params (ParamsError), broken_rule, raised, out_of_memory or kind_changed. `name` is
    the exception's class, `extras` what else a ParamsError carries, `stage` what was being done.
    """

    reason: str
    message: str
    name: str = ""
    field: str = ""
    extras: dict[str, Any] = {}
    stage: str = ""
    traceback: str = ""
    sizes: list[int] = []
    worn: bool = False


FromChild = Started | Piece | Value | Failed
_encode = msgspec.msgpack.Encoder().encode
decode_call: Callable[[bytes], Call] = msgspec.msgpack.Decoder(Call).decode
decode_answer: Callable[[bytes], FromChild] = msgspec.msgpack.Decoder(FromChild).decode


def frame(head: Call | FromChild, pieces: Sequence[bytes] = ()) -> list[bytes]:
    """The chunks of one frame, to be written one after the other."""
    if not isinstance(head, Started):
        head.sizes = [len(piece) for piece in pieces]
    packed = _encode(head)
    return [len(packed).to_bytes(LENGTH_BYTES, "little") + packed, *pieces]
