"""MongoDB's wire protocol: OP_MSG, and OP_QUERY for the handshake, as the specification of messages
has them.

https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HEADER = struct.Struct("<iiii")  # length, request id, response to, opcode
CHECKSUM_PRESENT, MORE_TO_COME = 1, 2
MAX_MESSAGE = 48_000_000
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
Spec = dict[str, Any]


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    reply: Callable[[Spec], Awaitable[bytes]],
) -> None:
    """Answer one connection, message by message, until it ends."""
    try:
        while await _one(reader, writer, reply):
            pass
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _one(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    reply: Callable[[Spec], Awaitable[bytes]],
) -> bool:
    """One message and its answer; False if it is none that we know."""
    length, request_id, _, opcode = HEADER.unpack(await reader.readexactly(HEADER.size))
    if not HEADER.size < length <= MAX_MESSAGE or opcode not in (OP_MSG, OP_QUERY):
        return False
    body = await reader.readexactly(length - HEADER.size)
    if opcode == OP_MSG:
        flags, spec = parse_message(body)
        answer, kind = struct.pack("<iB", 0, 0) + await reply(spec), OP_MSG
    else:
        flags, spec = 0, parse_query(body)
        answer, kind = struct.pack("<iqii", 8, 0, 0, 1) + await reply(spec), OP_REPLY
    if not flags & MORE_TO_COME:
        writer.write(HEADER.pack(HEADER.size + len(answer), 0, request_id, kind) + answer)
        await writer.drain()
    return True


def parse_message(body: bytes) -> tuple[int, Spec]:
    """OP_MSG: flags and the command, with document sequences as arrays."""
    (flags,) = struct.unpack_from("<I", body)
    end = len(body) - (4 if flags & CHECKSUM_PRESENT else 0)
    spec: Spec = {}
    sequences: Spec = {}
    at = 4
    while at < end:
        kind = body[at]
        (size,) = struct.unpack_from("<i", body, at + 1)
        section = body[at + 1 : at + 1 + size]
        if kind == 0:
            spec = dict(RawBSONDocument(section, RAW))
        else:
            name, _, documents = section[4:].partition(b"\0")
            sequences[name.decode()] = list(split_documents(documents))
        at += 1 + size
    return flags, spec | sequences


def parse_query(body: bytes) -> Spec:
    """OP_QUERY: the command (pymongo sends only its handshake this way)."""
    at = body.index(b"\0", 4) + 1 + 8
    spec = dict(RawBSONDocument(body[at:], RAW))
    return dict(spec["$query"]) if "$query" in spec else spec


def split_documents(data: bytes) -> Iterator[RawBSONDocument]:
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<i", data, at)
        yield RawBSONDocument(data[at : at + size], RAW)
        at += size
