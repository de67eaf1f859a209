"""What the brain wants done. The shell does it, in order, and decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from firmlight_client import protocol
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.slot_options import SlotOptions


@dataclass(frozen=True)
class Send:
    """Send this frame to the server."""

    frame: protocol.Frame


@dataclass(frozen=True)
class RunSlot:
    """Start this job in this (idle) slot; each of its subtasks may take `seconds_max`."""

    slot: int
    run: wire.Run
    seconds_max: float
    options: SlotOptions = field(default_factory=SlotOptions)


@dataclass(frozen=True)
class QuitSlot:
    """Nothing of this job is wanted any more. The slot ends it, or dies and is replaced."""

    slot: int
    job: int


@dataclass(frozen=True)
class Keep:
    """Put this result on disk until the server has settled it."""

    lease: protocol.Lease
    result: protocol.Result


@dataclass(frozen=True)
class Forget:
    """The server has settled this result: remove it from disk."""

    result: protocol.Result


@dataclass(frozen=True)
class Remember:
    """Keep on disk what is known of groups.

    `groups` {id: name} are the owner's, as the server sent them; `bound` {name: id} are the names
    that were just looked up.
    """

    groups: dict[str, str] | None
    bound: dict[str, str]


@dataclass(frozen=True)
class Reconnect:
    """Open the next connection after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Stop:
    """Leave: send what is queued, close the socket, end the slots, exit with `code`."""

    code: int
    message: str


@dataclass(frozen=True)
class Report:
    """Something a person may want to see: `worker.report` has the sentence for each event."""

    event: str
    facts: dict[str, Any] = field(default_factory=dict)


Action = Send | RunSlot | QuitSlot | Keep | Forget | Remember | Reconnect | Stop | Report


class Plan:
    """Collects actions while the brain handles one event."""

    def __init__(self) -> None:
        self.actions: list[Action] = []

    def add(self, action: Action) -> None:
        self.actions.append(action)

    def report(self, event: str, **facts: Any) -> None:
        self.add(Report(event, facts))

    def take(self) -> list[Action]:
        """The actions in order; the next event starts with an empty plan."""
        actions, self.actions = self.actions, []
        return actions
