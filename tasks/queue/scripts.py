"""Lua scripts as calls: blocking code runs one with `.now()`, the event loop with `await`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from redis.exceptions import NoScriptError

from core import redis
from tasks.data_format import FORMAT

LUA = Path(__file__).parent.parent / "lua"
SHARED = ("_common", "_aside", "_leases", "_checks")  # in front of every script, in this order
T = TypeVar("T")


@cache
def _decoder(answer: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(answer)


@dataclass(frozen=True)
class Script:
    text: str
    sha: str


@cache
def load(name: str) -> Script:
    """The script `lua/<name>.lua` behind what all scripts share."""
    parts = [(LUA / f"{part}.lua").read_text() for part in (*SHARED, name)]
    text = "\n".join((f"local FORMAT = '{FORMAT}'", *parts))
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _itself(answer: Any) -> Any:
    return answer


@dataclass(frozen=True)
class Call(Generic[T]):
    """One run of a script that has not happened yet.

    `answer` is the type that the script's map is decoded into, `take` what the caller gets of it,
    `blobs` are bytes for the script to store as they are.
    """

    name: str
    base: str
    args: dict[str, Any]
    answer: Any
    take: Callable[[Any], T] = _itself
    blobs: Sequence[bytes] = ()

    def read(self, reply: Any) -> T:
        """Decode the script's map. Bytes that it passes on as they are come behind the map."""
        packed, *raw = reply if isinstance(reply, list) else [reply]
        answer = _decoder(self.answer).decode(packed)
        if raw:
            answer.attach(raw)
        return self.take(answer)

    def _parts(self) -> tuple[Any, ...]:
        return (1, self.base, msgspec.msgpack.encode(self.args), *self.blobs)

    def now(self) -> T:
        """Run it from blocking code."""
        script, client = load(self.name), redis.connect()
        try:
            return self.read(client.evalsha(script.sha, *self._parts()))
        except NoScriptError:
            return self.read(client.eval(script.text, *self._parts()))

    def __await__(self) -> Generator[Any, None, T]:
        return self._later().__await__()

    async def _later(self) -> T:
        script, client = load(self.name), redis.connect_async()
        try:
            return self.read(await client.evalsha(script.sha, *self._parts()))
        except NoScriptError:
            return self.read(await client.eval(script.text, *self._parts()))


def run_all(calls: Sequence[Call[T]]) -> list[T]:
    """Run all of these from blocking code, in one round trip."""
    try:
        replies = _pipelined(calls)
    except NoScriptError:
        for name in {call.name for call in calls}:
            redis.connect().script_load(load(name).text)
        replies = _pipelined(calls)
    return [call.read(reply) for call, reply in zip(calls, replies, strict=True)]


async def run_all_later(calls: Sequence[Call[T]]) -> list[T]:
    """The same from the event loop."""
    client = redis.connect_async()
    try:
        replies = await _filled(client.pipeline(transaction=False), calls).execute()
    except NoScriptError:
        for name in {call.name for call in calls}:
            await client.script_load(load(name).text)
        replies = await _filled(client.pipeline(transaction=False), calls).execute()
    return [call.read(reply) for call, reply in zip(calls, replies, strict=True)]


def _pipelined(calls: Sequence[Call[T]]) -> list[Any]:
    replies: list[Any] = _filled(redis.connect().pipeline(transaction=False), calls).execute()
    return replies


def _filled(pipe: Any, calls: Sequence[Call[T]]) -> Any:
    for call in calls:
        # not `evalsha`: the pipeline of a cluster has none
        pipe.execute_command("EVALSHA", load(call.name).sha, *call._parts())
    return pipe
