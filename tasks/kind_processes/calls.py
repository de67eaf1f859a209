"""What services ask of a kind: each function runs it in a child and returns plain values.

All raise Busy if no child is free in time, and the errors of `outcomes`; `load` and `preview` also
raise the kind's ParamsError.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from firmlight_client import kinds
from tasks.kind_processes import wire
from tasks.kind_processes.comparing import Compared
from tasks.kind_processes.operations import (
    CompareArguments,
    ConcludeArguments,
    Counted,
    LoadArguments,
    PreviewArguments,
)
from tasks.kind_processes.pool import Owner, children
from tasks.kind_processes.process import Found
from tasks.kind_processes.splitting import Batch, SplitLimits
from tasks.kind_processes.watch import Limits

HEAVY_BYTES = 2**20  # a larger input counts as slow from the start
PACKED_MARGIN = 1.01  # packed params may be a little larger than what was uploaded
Wanted = Callable[[], bool]


class Conclusion(NamedTuple):
    """What partials come to: a result as JSON, or why some of them cannot be right, by place."""

    result: bytes | None
    wrong: dict[int, str]


def load(
    kind: kinds.Kind,
    params: Mapping[str, Any],
    file: UploadedFile | None = None,
    *,
    owner: UUID | None = None,
    skipped: list[str] | None = None,
) -> bytes:
    """The kind's own Params as MessagePack; what is left out of a file is added to `skipped`.

    `owner` is the user who gave them: one call of theirs runs at a time.
    """
    as_json, data = _as_given(params)
    with _on_disk(file) as path:
        arguments = LoadArguments(
            as_json=as_json, bytes_max=_packed_bytes_max(), path=path, name=_name_of(file)
        )
        heavy = _is_heavy(data, file)
        value, pieces = _ask(
            "load", kind, arguments, [data], limits=_load_limits(), owner=owner, heavy=heavy
        )
    if skipped is not None:
        skipped += value
    return pieces[0]


def preview(
    kind: kinds.Kind,
    params: Mapping[str, Any],
    file: UploadedFile | None = None,
    *,
    owner: UUID | None = None,
) -> Counted:
    """What the input comes to; its split is counted for at most PREVIEW_SECONDS_MAX."""
    as_json, data = _as_given(params)
    limits = _load_limits(more_seconds=settings.PREVIEW_SECONDS_MAX)
    with _on_disk(file) as path:
        arguments = PreviewArguments(
            as_json=as_json,
            bytes_max=_packed_bytes_max(),
            path=path,
            name=_name_of(file),
            limits=split_limits(),
            seconds=settings.PREVIEW_SECONDS_MAX,
        )
        heavy = _is_heavy(data, file)
        value, _ = _ask("preview", kind, arguments, [data], limits=limits, owner=owner, heavy=heavy)
    return msgspec.convert(value, Counted)


def typed(kind: kinds.Kind, data: bytes, *, owner: UUID | None = None) -> dict[str, Any]:
    """Packed params as people type them; {} if they are of an older version of the kind."""
    value, _ = _ask("typed", kind, None, [data], limits=_load_limits(), owner=owner)
    return dict(value)


def split(
    kind: kinds.Kind, data: bytes, *, wanted: Wanted | None = None
) -> Generator[Batch, None, None]:
    """The batches of packed params. A caller that stops before the last one closes the iterator."""
    limits = Limits(settings.SPLIT_SECONDS_MAX, settings.SPLIT_PROCESSOR_SECONDS_MAX)
    call = _call("split", kind, split_limits(), limits)
    with contextlib.closing(children().call(call, [data], limits, wanted=wanted)) as answer:
        for value, pieces in answer:
            if value is not None:  # None is the end of the answer
                first, last = value
                yield Batch(first, msgspec.msgpack.decode(pieces[0], type=list[bytes]), last)


def conclude(
    kind: kinds.Kind,
    partials: list[bytes],
    params: bytes,
    *,
    subtasks: list[list[int]],
    check_decided: bool,
    incomplete: dict[str, Any] | None = None,
    quick: bool = False,
    wanted: Wanted | None = None,
) -> Conclusion:
    """Check these partials, combine them and make the result.

    `subtasks` are those of each partial, as runs. With `check_decided` there is no result unless
    the kind calls it decided. With `quick` it may take only CONCLUDE_QUICK_SECONDS. The stage of a
    KindRaised is "combine", "is_decided" or "finish".
    """
    arguments = ConcludeArguments(check_decided, settings.RESULT_BYTES_MAX, subtasks, incomplete)
    seconds = settings.CONCLUDE_SECONDS_MAX
    if quick:
        seconds = min(seconds, settings.CONCLUDE_QUICK_SECONDS)
    limits = Limits(seconds, settings.CONCLUDE_PROCESSOR_SECONDS_MAX)
    given = [msgspec.msgpack.encode(partials), params]
    wrong, pieces = _ask("conclude", kind, arguments, given, limits=limits, wanted=wanted)
    return Conclusion(pieces[0] if pieces else None, dict(wrong))


Candidate = list[tuple[bytes, list[int]]]  # pieces: a partial, and its subtasks as runs


def compare(
    kind: kinds.Kind, checks: list[list[Candidate]], params: bytes, *, wanted: Wanted | None = None
) -> list[Compared]:
    """Whether the candidates of each check, partials of the same subtasks, agree."""
    runs = [[[its for _, its in candidate] for candidate in check] for check in checks]
    partials = [partial for check in checks for candidate in check for partial, _ in candidate]
    limits = Limits(settings.CONCLUDE_SECONDS_MAX, settings.CONCLUDE_PROCESSOR_SECONDS_MAX)
    given = [msgspec.msgpack.encode(partials), params]
    found, _ = _ask("compare", kind, CompareArguments(runs), given, limits=limits, wanted=wanted)
    return msgspec.convert(found, list[Compared])


async def check_partial(kind: kinds.Kind, partial: bytes) -> str:
    """What is wrong with a partial that is too large for the event loop; "" if nothing is."""
    most = settings.PARTIAL_SECONDS_MAX
    # On a busy machine the clock must not run out before the processor time does: a partial that
    # is refused for it would count against its worker.
    limits = Limits(2 * most, most)
    value, _ = await ask_async("check_partial", kind, None, [partial], limits=limits)
    return str(value)


async def ask_async(
    operation: str,
    kind: kinds.Kind,
    arguments: Any,
    pieces: list[bytes],
    *,
    limits: Limits,
    owner: Owner | None = None,
) -> Found:
    """Ask for an operation from an event loop; it waits in a thread of a separate pool."""
    ask = partial(_ask, operation, kind, arguments, pieces, limits=limits, owner=owner)
    found: Found = await sync_to_async(ask, thread_sensitive=False, executor=_waiting_threads())()
    return found


def split_limits() -> SplitLimits:
    """The limits of a split, from the current settings."""
    return SplitLimits(
        first_subtasks=settings.SPLIT_BATCH_FIRST,
        batch_subtasks_max=settings.SPLIT_BATCH_SUBTASKS_MAX,
        batch_bytes_max=settings.SPLIT_BATCH_BYTES_MAX,
        subtasks_max=settings.TASK_SUBTASKS_MAX,
        payload_bytes_max=settings.PAYLOAD_BYTES_MAX,
    )


def _ask(
    operation: str,
    kind: kinds.Kind,
    arguments: Any,
    pieces: list[bytes] | None = None,
    *,
    limits: Limits,
    owner: Owner | None = None,
    heavy: bool = False,
    wanted: Wanted | None = None,
) -> Found:
    """Make one call that has one answer."""
    call = _call(operation, kind, arguments, limits)
    answer = children().call(call, pieces or [], limits, owner=owner, heavy=heavy, wanted=wanted)
    (found,) = answer
    return found


def _call(operation: str, kind: kinds.Kind, arguments: Any, limits: Limits) -> wire.Call:
    return wire.Call(
        operation=operation,
        kind=kind.name,
        version=kind.version,
        arguments=arguments,
        processor_seconds=limits.processor_seconds,
    )


def _load_limits(more_seconds: float = 0) -> Limits:
    return Limits(
        seconds=settings.LOAD_SECONDS_MAX + more_seconds,
        processor_seconds=settings.LOAD_PROCESSOR_SECONDS_MAX + more_seconds,
    )


def _packed_bytes_max() -> int:
    return int(settings.UPLOAD_BYTES_MAX * PACKED_MARGIN)


def _as_given(params: Mapping[str, Any]) -> tuple[bool, bytes]:
    """Params as they travel to the child, and whether that is JSON.

    MessagePack is tried first. JSON takes what it cannot: integers beyond 64 bits, and texts with
    half a surrogate pair.
    """
    try:
        return False, msgspec.msgpack.encode(params)
    except (OverflowError, UnicodeEncodeError):
        return True, json.dumps(params).encode()


def _is_heavy(data: bytes, file: UploadedFile | None) -> bool:
    file_bytes = (file.size or 0) if file else 0
    return len(data) + file_bytes > HEAVY_BYTES


def _name_of(file: UploadedFile | None) -> str:
    return (file.name or "") if file else ""


@contextlib.contextmanager
def _on_disk(file: UploadedFile | None) -> Iterator[str]:
    """The path of an uploaded file, "" for none.

    A file that Django keeps in memory is written to a temporary file for the time of the call.
    """
    if file is None:
        yield ""
    elif hasattr(file, "temporary_file_path"):
        yield file.temporary_file_path()
    else:
        with tempfile.NamedTemporaryFile(prefix="firmlight-upload-") as copy:
            for chunk in file.chunks():
                copy.write(chunk)
            copy.flush()
            yield copy.name


@cache
def _waiting_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.KIND_PROCESSES_MAX, "kind-calls")


__all__ = (
    "Batch",
    "Candidate",
    "Compared",
    "Conclusion",
    "Counted",
    "ask_async",
    "check_partial",
    "compare",
    "conclude",
    "load",
    "preview",
    "split",
    "split_limits",
    "typed",
)
