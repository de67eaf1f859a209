"""The main module of a child, a process that runs kinds for the server.

It is started as `python -m tasks.kind_processes.child FOLDER MEMORY_MIB`. It reads calls from its
stdin and answers on its stdout (`wire`), one at a time. Kinds can reach neither: what a kind prints
goes nowhere. The child ends when its stdin does, because its parent has died then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

import msgspec

from firmlight_client import kinds, limits
from firmlight_client.child_process import leave, mute, take_pipes
from firmlight_client.memory import Memory
from tasks.kind_processes import operations, wire
from tasks.kind_processes.operations import OPERATIONS, Stage
from tasks.kind_processes.splitting import RuleBroken

NICE = 3  # more than the server's own processes, which come first
PROCESSOR_SLACK_SECONDS = 0.5  # for reading the call and writing the answer
MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX, ENTRY_CHARS_MAX = 2000, 8000, 800

Job = tuple[wire.Call, list[bytes]]


class Child:
    """Answers calls one after another; removes what each has left in `scratch`."""

    def __init__(self, out: int, memory: Memory, scratch: Path) -> None:
        self.out, self.memory, self.scratch = out, memory, scratch
        self.jobs: SimpleQueue[Job] = SimpleQueue()

    def send(self, head: wire.FromChild, pieces: Sequence[bytes] = ()) -> None:
        for chunk in wire.frame(head, pieces):
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self.out, rest) :]

    def serve(self) -> None:
        """Answer calls until so much memory is lost that a new process is better."""
        worn = False
        while not worn:
            worn = self.answer(*self.jobs.get())
            limits.clear(self.scratch)

    def answer(self, call: wire.Call, pieces: list[bytes]) -> bool:
        """Make one call and say how it ended; return whether this process should end now."""
        limits.limit_cpu(call.processor_seconds, PROCESSOR_SLACK_SECONDS)
        try:
            value, found = self.perform(call, pieces)
            worn = self.memory.is_worn
            self.send(wire.Value(value=value, worn=worn), found)
        except BaseException as error:  # noqa: BLE001  also SystemExit: it must not end the process
            self.memory.make_room(error)
            pieces.clear()
            failed = failure(error, self.memory)
            worn = failed.worn = self.memory.is_worn
            self.send(failed)
            self.memory.tighten()
        return worn

    def perform(self, call: wire.Call, pieces: list[bytes]) -> operations.Answer:
        Stage.name = ""
        kind = kinds.get(call.kind)
        if kind.version != call.version:
            raise kinds.UnknownKind(f"{call.kind} {call.version}")

        def send(value: Any, parts: operations.Pieces) -> None:
            self.send(wire.Piece(value), parts)

        return OPERATIONS[call.operation](kind, call.arguments, pieces, send)


def failure(error: BaseException, memory: Memory) -> wire.Failed:
    """What went wrong, in a form that can travel to the server."""
    failed = wire.Failed(
        reason=reason_of(error), message="", name=type(error).__name__[:200], stage=Stage.name
    )
    if isinstance(error, MemoryError):
        failed.message = memory.words(MemoryError())
    elif isinstance(error, kinds.ParamsError):
        failed.message, failed.field = text_of(lambda: error.message), text_of(lambda: error.field)
        failed.extras = _extras_of(error)
    else:
        failed.message = text_of(lambda: str(error))[:MESSAGE_CHARS_MAX]
        failed.traceback = text_of(lambda: _traceback(error))[-TRACEBACK_CHARS_MAX:]
    return failed


def _extras_of(error: kinds.ParamsError) -> dict[str, Any]:
    """What a ParamsError carries besides message and field, as far as it can travel."""
    found = dict[str, Any]()
    for name, value in vars(error).items():
        if name in ("message", "field"):
            continue
        with contextlib.suppress(Exception):  # what cannot be packed is left out
            found[name] = kinds.carried(msgspec.to_builtins(value))
    return found


def reason_of(error: BaseException) -> str:
    if isinstance(error, kinds.ParamsError):
        return "params"
    if isinstance(error, RuleBroken):
        return "broken_rule"
    if isinstance(error, kinds.UnknownKind):
        return "kind_changed"
    if isinstance(error, MemoryError):
        return "out_of_memory"
    return "raised"


def text_of(text: Callable[[], str]) -> str:
    """What `text()` returns, as UTF-8 can carry it. An exception's __str__ may itself raise."""
    try:
        return text().encode("utf-8", "replace").decode()
    except Exception as error:  # noqa: BLE001
        return f"(it cannot be shown: {type(error).__name__})"


def _traceback(error: BaseException) -> str:
    return "".join(map(_short, traceback.format_exception(error)))


def _short(entry: str) -> str:
    """An entry of a traceback, cut where it gets too long."""
    return entry if len(entry) <= ENTRY_CHARS_MAX else f"{entry[:ENTRY_CHARS_MAX]}…\n"


def listen(pipe: BinaryIO, child: Child, folder: Path) -> None:
    """Read calls in a thread of its own, and end the process when the pipe ends.

    It does so even in the middle of a call.
    """
    try:
        while length := pipe.read(wire.LENGTH_BYTES):
            call = wire.decode_call(pipe.read(int.from_bytes(length, "little")))
            child.jobs.put((call, [pipe.read(size) for size in call.sizes]))
    finally:
        leave(folder)


def main() -> None:
    folder, memory_mib = Path(sys.argv[1]), int(sys.argv[2])
    pipe, out = take_pipes()
    # A service manager may signal all processes; the parent decides when the child ends.
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop_signal, signal.SIG_IGN)
    limits.be_modest(os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    limits.limit_files()
    child = Child(out, Memory(memory_mib), Path.cwd())
    threading.Thread(target=listen, args=(pipe, child, folder), daemon=True).start()
    limits.die_with_parent()
    kinds.installed()
    child.send(wire.Started())
    mute()
    child.serve()
    leave(folder)


if __name__ == "__main__":
    main()
