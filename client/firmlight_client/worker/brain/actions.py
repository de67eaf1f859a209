"""What the brain wants done. The shell does it, in order, and decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from firmlight_client import protocol
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.slot_options import Mode

# code of an error: stay connected, nothing comes until the owner lets this worker back
SUSPENDED = "suspended"


@dataclass(frozen=True)
class Send:
    frame: protocol.Frame


@dataclass(frozen=True)
class RunSlot:
    """Start this job in this (idle) slot; each of its subtasks may take `seconds_max`."""

    slot: int
    run: wire.Run
    seconds_max: float
    mode: Mode = field(default_factory=Mode)


@dataclass(frozen=True)
class QuitSlot:
    """Nothing of this job is wanted any more. The slot ends it, or dies and is replaced."""

    slot: int
    job: int


@dataclass(frozen=True)
class Keep:
    """Put this result on disk until it is settled."""

    lease: protocol.Lease
    result: protocol.Result


@dataclass(frozen=True)
class Forget:
    """It is settled."""

    result: protocol.Result


@dataclass(frozen=True)
class Remember:
    """The owner's groups {id: name} as the server tells them, and {name: id} of names that were
    just looked up.
    """

    groups: dict[str, str] | None
    bound: dict[str, str]


@dataclass(frozen=True)
class Reconnect:
    seconds: float


@dataclass(frozen=True)
class Stop:
    """Leave: send what was to be sent, close the socket, end the slots, exit with `code`."""

    code: int
    message: str


@dataclass(frozen=True)
class Tell:
    """Something a person may want to see."""

    event: str
    facts: dict[str, Any] = field(default_factory=dict)


Action = Send | RunSlot | QuitSlot | Keep | Forget | Remember | Reconnect | Stop | Tell
