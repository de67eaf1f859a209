"""What a worker and its slots send each other: a length, then one MessagePack array.

The length has 4 bytes, little-endian. A run is one job of one slot. Its subtasks go by position,
0-based in `payloads`; only the parent knows their numbers in the task.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from firmlight_client.worker.slot.fence import Fence

LENGTH_BYTES = 4
CURRENT_FILE, ERRORS_FILE = "current", "errors.txt"
SCRATCH = "scratch"  # the folder that kinds work in; emptied after every job
CURRENT_BYTES = 16  # two int64: position, and its start by time.perf_counter_ns (system-wide)
IDLE, COMBINING = -1, -2  # positions that are no subtask's

NO_SANDBOX = 97  # exit code: its sandbox could not be made; the errors file says why
TOO_LARGE = "too_large"


class Word(msgspec.Struct, array_like=True, tag=True):
    """What all of them share."""


class Run(Word):
    """Compute the payloads in order, then combine their partials and those of `before`."""

    job: int
    kind: str
    payloads: list[bytes]
    before: list[bytes]
    partial_bytes_max: int
    seconds_max: float = 0.0  # of each subtask; 0: no limit of processor time


class Quit(Word):
    """Stop this job before its next subtask; nothing of it is wanted any more."""

    job: int


class Started(Word):
    """The slot can compute these kinds (name to version); those of `public` need the network.

    `fence` says what its sandbox does not keep out.
    """

    kinds: dict[str, str]
    public: list[str] = []
    fence: Fence = Fence()


class Batch(Word):
    """Partials of the positions `first`, `first + 1`, … and the seconds each took."""

    job: int
    first: int
    partials: list[bytes]
    seconds: list[float]


class Raised(Word):
    """The subtask at `position` failed; the run goes on."""

    job: int
    position: int
    error: str
    message: str
    traceback: str
    seconds: float


class Finished(Word):
    """End of a run. `partial` is everything combined.

    None if there is nothing, or if combining failed: `error` is the reason then.
    """

    job: int
    partial: bytes | None
    decided: bool
    error: str = ""


FromParent = Run | Quit
FromSlot = Started | Batch | Raised | Finished

_encoder = msgspec.msgpack.Encoder()
_from_parent = msgspec.msgpack.Decoder(FromParent)
_from_slot = msgspec.msgpack.Decoder(FromSlot)


def encode(word: Word) -> bytes:
    """One word with its length in front."""
    data = _encoder.encode(word)
    return len(data).to_bytes(LENGTH_BYTES, "little") + data


def decode_from_parent(data: bytes) -> FromParent:
    return _from_parent.decode(data)


def decode_from_slot(data: bytes) -> FromSlot:
    return _from_slot.decode(data)


def create_current(folder: Path) -> Path:
    """The small file in which a slot notes what it is at: that survives its crash."""
    path = folder / CURRENT_FILE
    path.write_bytes(IDLE.to_bytes(8, "little", signed=True) + bytes(8))
    return path
