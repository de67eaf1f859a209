"""What a slot's process reports, and what its parent reports of the process."""

from __future__ import annotations

from dataclasses import dataclass

from firmlight_client.worker.slot import wire


@dataclass(frozen=True)
class Death:
    """A slot's process ended.

    `position` is what it was at: a subtask of its job, wire.IDLE or wire.COMBINING.
    """

    error: str  # crashed, timed_out; "" if the subtask there is not to blame
    message: str
    traceback: str
    position: int
    seconds: float


@dataclass(frozen=True)
class Broken:
    """Slots cannot be started on this machine."""

    message: str


SlotEvent = wire.FromSlot | Death | Broken
