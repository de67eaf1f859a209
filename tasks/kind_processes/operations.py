"""What a child does with a kind: one function for each operation.

A function takes the kind, the call's arguments and pieces, and returns an Answer; one that answers
in parts calls `send` for each. Its name is the operation's, so `calls` and this file change
together. Nothing here knows Django or Redis.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from firmlight_client import kinds
from tasks.kind_processes.comparing import compare_candidates
from tasks.kind_processes.part_checks import wrong_parts
from tasks.kind_processes.splitting import Batch, RuleBroken, SplitLimits, batches

Pieces = Sequence[bytes]
Send = Callable[[Any, Pieces], None]
Answer = tuple[Any, Pieces]
encode = msgspec.msgpack.Encoder().encode


class Stage:
    """What the child is doing; a failure names it."""

    name = ""


class LoadArguments(msgspec.Struct):
    """How to read params, which come as a piece.

    With `path`, a file called `name` belongs to them.
    """

    as_json: bool  # the piece is JSON: MessagePack carries no integers beyond 64 bits
    bytes_max: int  # of the params as MessagePack
    path: str = ""
    name: str = ""


class PreviewArguments(LoadArguments, kw_only=True):
    limits: SplitLimits
    seconds: float  # then counting stops


class Counted(msgspec.Struct):
    """What a split comes to; `exact` is False if it was not counted to its end.

    `columns` and `choices` describe a file, see `Kind.load_file`.
    """

    input_bytes: int = 0
    subtasks: int = 0
    payload_bytes: int = 0
    payload_bytes_max: int = 0
    exact: bool = True
    summary: list[tuple[str, str]] = []
    skipped: list[str] = []
    columns: list[dict[str, Any]] = []
    choices: dict[str, list[str]] = {}


class ConcludeArguments(msgspec.Struct):
    """How to conclude a task.

    With `check_decided` only a partial that the kind calls decided makes a result. `incomplete`
    goes into the result of a task that went on without some subtasks. `subtasks` are those of each
    partial, as runs: first, how many, first, how many, …
    """

    check_decided: bool
    result_bytes_max: int
    subtasks: list[list[int]]
    incomplete: dict[str, Any] | None = None


class CompareArguments(msgspec.Struct):
    """Which partials are to be compared, see `compare_candidates`."""

    checks: list[list[list[list[int]]]]


def load(kind: kinds.Kind, arguments: Any, pieces: Pieces, send: Send) -> Answer:
    """The params as MessagePack, and what was left out of a file."""
    given = msgspec.convert(arguments, LoadArguments)
    skipped = list[str]()
    packed = _packed(_loaded(kind, given, pieces[0], skipped, {}), given.bytes_max)
    return skipped, [packed]


def preview(kind: kinds.Kind, arguments: Any, pieces: Pieces, send: Send) -> Answer:
    """Count the split of this input for at most `seconds`; the answer is a Counted."""
    given = msgspec.convert(arguments, PreviewArguments)
    found = Counted()
    understood = dict[str, Any]()
    params = _loaded(kind, given, pieces[0], found.skipped, understood)
    found.input_bytes = len(_packed(params, given.bytes_max))
    summary = [*kind.summary(params), *understood.get("summary", [])]
    found.summary = [(str(what), str(value)) for what, value in summary]
    found.columns = understood.get("columns", [])
    found.choices = understood.get("choices", {})
    Stage.name = "split"
    payloads = _for_a_while(_payloads(kind, params), given.seconds, found)
    for batch in batches(payloads, given.limits):
        sizes = [len(payload) for payload in batch.payloads]
        found.subtasks += len(sizes)
        found.payload_bytes += sum(sizes)
        found.payload_bytes_max = max(found.payload_bytes_max, *sizes)
    return msgspec.to_builtins(found), []


def _for_a_while(payloads: Iterator[bytes], seconds: float, found: Counted) -> Iterator[bytes]:
    """The payloads that come within so many seconds.

    They are counted one by one, because a whole batch of a slow split may take much longer.
    """
    end = time.monotonic() + seconds
    for payload in payloads:
        yield payload
        if time.monotonic() > end:
            found.exact = False
            return


def typed(kind: kinds.Kind, arguments: Any, pieces: Pieces, send: Send) -> Answer:
    """Packed params as people type them; {} if they are of an older version of the kind."""
    try:
        params = _unpacked(kind, pieces[0])
    except msgspec.MsgspecError:
        return {}, []
    return kind.typed(params), []


def split(kind: kinds.Kind, arguments: Any, pieces: Pieces, send: Send) -> Answer:
    """The batches of packed params, one part each: [first, last] and the payloads as a packed list.

    The pipe holds little, so this waits whenever the reader is slower.
    """
    limits = msgspec.convert(arguments, SplitLimits)
    Stage.name = "split"
    payloads = _payloads(kind, _unpacked(kind, pieces[0]))
    batch: Batch
    for batch in batches(payloads, limits):
        send([batch.first, batch.last], [encode(batch.payloads)])
    return None, []


def conclude(kind: kinds.Kind, arguments: Any, pieces: Pieces, send: Send) -> Answer:
    """Combine packed partials into the result as JSON.

    The answer is [[place of a partial that cannot be right, why], …]; if there is any, or if the
    result was to be decided and is not, it has no piece.
    """
    given = msgspec.convert(arguments, ConcludeArguments)
    partials, packed_params = pieces
    Stage.name = "combine"
    rows = msgspec.msgpack.decode(partials, type=list[bytes])
    params = _unpacked(kind, packed_params)
    wrong = wrong_parts(kind, rows, given.subtasks, params)
    if wrong:
        return wrong, []
    whole = kinds.combine_all(kind, [decode_partial(kind, row) for row in rows])
    if len(rows) > 1:
        # A partial that has travelled, as `is_decided` and `finish` get it on a worker.
        whole = kinds.carried_partial(kind, whole)
    if given.check_decided:
        Stage.name = "is_decided"
        if not kind.is_decided(whole, params):
            return [], []
    Stage.name = "finish"
    if given.incomplete is None:
        result = kind.finish(whole, params)
    else:
        result = _marked(kind.finish_incomplete(whole, params), given.incomplete)
    packed = msgspec.json.encode(result)
    if len(packed) > given.result_bytes_max:
        raise RuleBroken(
            f"The result has {len(packed):,} bytes; at most {given.result_bytes_max:,}."
        )
    return [], [packed]


def compare(kind: kinds.Kind, arguments: Any, pieces: Pieces, send: Send) -> Answer:
    """Which of several partials of the same subtasks agree; the answer is a list of Compared."""
    given = msgspec.convert(arguments, CompareArguments)
    partials, packed_params = pieces
    Stage.name = "same"
    rows = msgspec.msgpack.decode(partials, type=list[bytes])
    params = _unpacked(kind, packed_params)
    found = compare_candidates(kind, given.checks, rows, params)
    return msgspec.to_builtins(found), []


def _marked(result: Any, incomplete: dict[str, Any]) -> dict[str, Any]:
    """The result with the mark that some subtasks are missing; it becomes an object for it."""
    whole = result if isinstance(result, dict) else {"result": result}
    return {**whole, "incomplete": incomplete}


def decode_partial(kind: kinds.Kind, data: bytes) -> Any:
    """One partial as the kind's own code takes it.

    It was checked when it came, but perhaps by an older version of the server.
    """
    return kinds.decode_partial(kind, data)


def check_partial(kind: kinds.Kind, arguments: Any, pieces: Pieces, send: Send) -> Answer:
    """What is wrong with a partial of the kind, "" if nothing is."""
    try:
        decode_partial(kind, pieces[0])
    except kinds.BadPartial as error:
        return str(error), []
    return "", []


OPERATIONS: dict[str, Callable[[kinds.Kind, Any, Pieces, Send], Answer]] = {
    function.__name__: function
    for function in (load, preview, typed, split, conclude, compare, check_partial)
}


def _loaded(
    kind: kinds.Kind,
    given: LoadArguments,
    data: bytes,
    skipped: list[str],
    understood: dict[str, Any],
) -> Any:
    """The kind's own Params. Raises ParamsError.

    `Kind.load_file` fills `skipped` and `understood`.
    """
    Stage.name = "load"
    params = json.loads(data) if given.as_json else msgspec.msgpack.decode(data)
    if not given.path:
        return kind.load(params)
    with Path(given.path).open("rb") as file:
        return kind.load_file(file, given.name, params, skipped, understood)


def _packed(params: Any, bytes_max: int) -> bytes:
    data = encode(params)
    if len(data) > bytes_max:
        raise kinds.ParamsError(f"At most {bytes_max:,} bytes.")
    return data


def _unpacked(kind: kinds.Kind, data: bytes) -> Any:
    return msgspec.msgpack.decode(data, type=kind.Params)


def _payloads(kind: kinds.Kind, params: Any) -> Iterator[bytes]:
    return map(encode, kind.split(params))
