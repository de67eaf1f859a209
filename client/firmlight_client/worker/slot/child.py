"""One slot: a process that computes one lease at a time.

`python -m firmlight_client.worker.slot.child FOLDER OPTIONS HIDDEN FAILED` starts it.

It talks through its stdin and stdout (`wire`) and takes them away from the kinds, so what a kind
prints is lost. It notes in FOLDER/current which subtask runs. It ends when stdin ends: its parent
is gone then, however it died, and the work is of no use any more. Kinds work in FOLDER/scratch;
of the owner's other folders they see nothing, and HIDDEN is empty to them. FAILED says why the
sandbox of the process before this one could not be made; "" if it could.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter_ns
from typing import BinaryIO

import msgspec

from firmlight_client import kinds, limits, network
from firmlight_client.child_process import leave, mute, take_pipes
from firmlight_client.memory import Memory
from firmlight_client.worker.slot import sandbox, wire
from firmlight_client.worker.slot.fence import Fence
from firmlight_client.worker.slot.slot_options import SlotOptions
from firmlight_client.worker.slot.slot_options import decode as decode_options

FLUSH_NS = 20_000_000
NAME_CHARS_MAX, MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX = 200, 2000, 4000
ENTRY_CHARS_MAX = 800  # of a traceback: a long message must not push the lines out

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder().decode


class TooLarge(Exception):
    """A partial is larger than the server takes, or than its kind allows."""


class Slot:
    """Runs jobs one after another.

    `current` is two int64 shared with the parent: the position at work, and its start.
    """

    def __init__(self, out: int, current: memoryview, memory: Memory, scratch: Path) -> None:
        self.out, self.current, self.memory, self.scratch = out, current, memory, scratch
        self.jobs: SimpleQueue[wire.Run] = SimpleQueue()
        self.unwanted = -1  # a job to stop; the reader thread sets it
        self.flushed = 0

    def send(self, *words: wire.Word) -> None:
        data = memoryview(b"".join(map(wire.encode, words)))
        while data:
            data = data[os.write(self.out, data) :]

    def serve(self) -> None:
        while True:
            run = self.jobs.get()
            if run.seconds_max:
                # Combining may take as long as one subtask.
                limits.limit_cpu(run.seconds_max * (len(run.payloads) + 1))
            self.work(run)
            limits.clear(self.scratch)
            self.retire_if_worn()

    def retire_if_worn(self) -> None:
        """End the process if what ran here has left too little memory for what comes next.

        No subtask is to blame for that end; the next process takes over.
        """
        if self.memory.is_worn:
            self.current[0] = wire.IDLE
            os._exit(0)

    def work(self, run: wire.Run) -> None:
        """One job from its first subtask to its Finished."""
        kind = kinds.get(run.kind)
        partials, last = self.compute(kind, run)
        if len(run.before) + len(partials) > 1:
            # Combining is the kind's code: what is computed must survive its crash.
            self.send(*last)
            last = []
        self.current[1] = perf_counter_ns()
        self.current[0] = wire.COMBINING
        end = combined(kind, run, [] if self.unwanted == run.job else run.before + partials)
        self.current[0] = wire.IDLE
        self.send(*last, end)

    def compute(self, kind: kinds.Kind, run: wire.Run) -> tuple[list[bytes], list[wire.Word]]:
        """Run every payload; returns the partials and the report that is still to be sent.

        A lease may hold thousands of tiny subtasks, so for each the loop notes where it is, which a
        crash at any moment needs, and nothing more. Reports leave every FLUSH_NS at most.
        """
        current, job, compute = self.current, run.job, kind.run
        decides = type(kind).is_decided is not kinds.Kind.is_decided
        decode_as_server = kinds.decoder_of(type(kind))  # what it refuses is a failure here
        done: list[bytes] = []
        batch = wire.Batch(job, 0, [], [])
        for position, payload in enumerate(run.payloads):
            started = current[1] = perf_counter_ns()
            current[0] = position
            if started - self.flushed > FLUSH_NS:
                batch = self.flush(batch, position)
            try:
                partial = encode(compute(decode(payload)))
                if len(partial) > run.partial_bytes_max:
                    raise TooLarge(
                        f"its partial has {len(partial)} bytes, more than {run.partial_bytes_max}"
                    )
                arrived = decode_as_server(partial)
            # Also SystemExit: a kind must not end its slot.
            except BaseException as error:  # noqa: BLE001
                batch = self.report(batch, position, error)
                continue
            batch.partials.append(partial)
            batch.seconds.append((perf_counter_ns() - started) / 1e9)
            done.append(partial)
            if self.unwanted == job or (decides and kind.is_decided(arrived, None)):
                break
        return done, [batch] if batch.partials else []

    def report(self, batch: wire.Batch, position: int, error: BaseException) -> wire.Batch:
        """Send what is there, and that the subtask at `position` failed.

        Returns the empty batch that follows.
        """
        seconds = (perf_counter_ns() - self.current[1]) / 1e9
        self.memory.make_room(error)
        batch = self.flush(batch, position + 1)
        self.send(wire.Raised(batch.job, position, *failure_words(error, self.memory), seconds))
        self.retire_if_worn()
        self.memory.tighten()
        return batch

    def flush(self, batch: wire.Batch, position: int) -> wire.Batch:
        """Send what is there; returns the empty batch that begins at `position`."""
        if batch.partials:
            self.send(batch)
        self.flushed = perf_counter_ns()
        return wire.Batch(batch.job, position, [], [])


def combined(kind: kinds.Kind, run: wire.Run, partials: list[bytes]) -> wire.Finished:
    """The end of a run: all partials in one.

    They are decoded again, so that `combine` sees just what it would see on the server.
    """
    if not partials:
        return wire.Finished(run.job, None, False)
    try:
        data, is_decided = _combined(kind, partials)
        if len(data) > run.partial_bytes_max:
            return wire.Finished(run.job, None, False, error=wire.TOO_LARGE)
        return wire.Finished(run.job, data, is_decided)
    except TooLarge:
        return wire.Finished(run.job, None, False, error=wire.TOO_LARGE)
    except BaseException as error:  # noqa: BLE001  the server will meet the same fault and say so
        return wire.Finished(run.job, None, False, error=type(error).__name__)


def _combined(kind: kinds.Kind, partials: list[bytes]) -> tuple[bytes, bool]:
    """All in one, packed, and whether that decides the task, by itself: there are no params here.

    Raises TooLarge if so many do not fit the kind's `Partial`.
    """
    decode_as_server = kinds.decoder_of(type(kind))
    parts = [decode_as_server(partial) for partial in partials]
    if len(parts) == 1:
        return partials[0], bool(kind.is_decided(parts[0], None))
    data = encode(kinds.combine_all(kind, parts))
    try:
        whole = decode_as_server(data)
    except kinds.BadPartial as error:
        raise TooLarge from error
    return data, bool(kind.is_decided(whole, None))


def failure_words(error: BaseException, memory: Memory) -> tuple[str, str, str]:
    """A failure as its name, its message, and the end of its traceback.

    The traceback ends with the kind's own lines.
    """
    if isinstance(error, TooLarge):
        return wire.TOO_LARGE, str(error), ""
    if isinstance(error, kinds.BadPartial):
        words = f"what it computed does not fit its kind's Partial: {error}"
        return type(error).__name__, words, ""
    if isinstance(error, MemoryError):  # NumPy has a subclass of its own
        name, message = MemoryError.__name__, _safe_text(lambda: memory.words(error))
    else:
        name, message = type(error).__name__[:NAME_CHARS_MAX], _safe_text(lambda: str(error))
    lines = _safe_text(lambda: _traceback(error))
    return name, message[:MESSAGE_CHARS_MAX], lines[-TRACEBACK_CHARS_MAX:]


def _traceback(error: BaseException) -> str:
    entries = traceback.format_exception(error)
    return "".join(_shortened(entry) for entry in entries)


def _shortened(entry: str) -> str:
    if len(entry) <= ENTRY_CHARS_MAX:
        return entry
    return f"{entry[:ENTRY_CHARS_MAX]}…\n"


def _safe_text(text: Callable[[], str]) -> str:
    """What `text()` returns, as UTF-8 can carry it. An exception's __str__ may raise itself."""
    try:
        return text().encode("utf-8", "replace").decode()
    except Exception as error:  # noqa: BLE001
        return f"(it cannot be shown: {type(error).__name__})"


def listen(pipe: BinaryIO, slot: Slot, folder: Path) -> None:
    """The reader thread: hand jobs over, and end the process with the pipe.

    It ends even in the middle of a subtask.
    """
    try:
        while length := pipe.read(wire.LENGTH_BYTES):
            word = wire.decode_from_parent(pipe.read(int.from_bytes(length, "little")))
            if isinstance(word, wire.Run):
                slot.jobs.put(word)
            else:
                slot.unwanted = word.job
    finally:
        leave(folder)


def confine(options: SlotOptions, folder: Path, hidden: Path | None, failed: str) -> Fence:
    """Set limits and priority and enter the sandbox, while there is one thread.

    Returns what the sandbox does not keep out.
    """
    limits.be_modest(options.nice)
    limits.limit_files()
    network.allow_only(options.hosts)
    if options.private:
        network.allow_private()
    return sandbox.enter(network=options.network, folder=folder, hidden=hidden, failed=failed)


def main() -> None:
    folder, options = Path(sys.argv[1]), decode_options(sys.argv[2])
    hidden = Path(sys.argv[3]) if sys.argv[3] else None
    pipe, out = take_pipes()
    # A service manager may signal all processes: the parent drains meanwhile, so slots work on.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (folder / wire.CURRENT_FILE).open("r+b") as file:
        current = memoryview(mmap.mmap(file.fileno(), wire.CURRENT_BYTES)).cast("q")
    try:
        fence = confine(options, folder, hidden, sys.argv[4])
    except OSError as error:  # no kind's code has run yet, so none can bring this about
        os.write(2, f"its sandbox cannot be made: {error}\n".encode())
        os._exit(wire.NO_SANDBOX)
    slot = Slot(out, current, Memory(options.memory_mib), folder / wire.SCRATCH)
    threading.Thread(target=listen, args=(pipe, slot, folder), daemon=True).start()
    limits.die_with_parent()
    found = kinds.installed()
    public = [name for name, kind in found.items() if kind.network == "public"]
    versions = {name: kind.version for name, kind in found.items()}
    slot.send(wire.Started(versions, public, fence))
    mute()
    slot.serve()


if __name__ == "__main__":
    main()
