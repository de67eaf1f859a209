"""A good neighbour: how many slots may work now, and why not all. Decisions only; `surroundings`
looks at the machine.

Two measures keep it calm. It steps back soon (CALM_DOWN_SECONDS of others' load) and comes back
late (COME_BACK_SECONDS of quiet), and it counts by halves of a core, so that a browser that blinks
changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from firmlight_client.worker.consent.hours import open_at
from firmlight_client.worker.consent.rules import Consent, Rules

CALM_DOWN_SECONDS, COME_BACK_SECONDS = 10.0, 30.0
BUSY = "its owner's programs need the processors"
IDLE_SECONDS = 300.0  # so long nobody has touched it: then nobody uses it
TOLERATED_CORES = 0.5  # what others may take of the last core before a slot makes room


@dataclass(frozen=True)
class Surroundings:
    """The machine as it is now. None: cannot be told here."""

    now: float  # seconds of any steady clock
    clock: datetime  # local time
    cores: int
    others_cores: float  # what programs other than the worker's compute
    on_battery: bool | None = None
    idle_seconds: float | None = None


@dataclass(frozen=True)
class Verdict:
    """`slots` may work now, and `why` not all; `resting`: {row of the rules: why it takes nothing
    now}.
    """

    slots: int
    resting: Mapping[str, str]
    why: str = ""


class Neighbour:
    """Looks again and again, and remembers since when the machine has been busier or quieter than
    it acts on.
    """

    def __init__(self, consent: Consent, slots: int) -> None:
        self.consent, self.slots = consent, slots
        self.allowed = slots
        self.pending: tuple[int, float] | None = (
            None  # the direction of a change, and since when it is wanted
        )

    def look(self, at: Surroundings) -> Verdict:
        allowed = self._make_room(at) if self.consent.plain.yield_to_others else self.slots
        busy = (
            f"other programs need the processors ({at.others_cores:.1f} of {at.cores})"
            if allowed < self.slots
            else ""
        )
        if not allowed:
            return Verdict(0, {name: BUSY for name, _ in self.consent.rows()}, busy)
        resting = {name: why for name, rules in self.consent.rows() if (why := reason(rules, at))}
        return Verdict(allowed, resting, busy)

    def _make_room(self, at: Surroundings) -> int:
        """How many slots fit beside the others; a change must have been wanted for a while."""
        wanted = fitting(self.slots, at.cores, at.others_cores)
        if wanted == self.allowed:
            self.pending = None
            return self.allowed
        direction = 1 if wanted > self.allowed else -1
        if self.pending is None or self.pending[0] != direction:
            self.pending = direction, at.now
        if at.now - self.pending[1] >= (COME_BACK_SECONDS if direction > 0 else CALM_DOWN_SECONDS):
            self.allowed, self.pending = wanted, None
        return self.allowed


def fitting(slots: int, cores: int, others_cores: float) -> int:
    """How many of `slots` leave others the cores that they use."""
    return max(0, min(slots, int(cores - others_cores + TOLERATED_CORES)))


def reason(rules: Rules, at: Surroundings) -> str:
    """Why these rules forbid to work now; "" if they do not."""
    if not open_at(rules.hours, at.clock):
        return f"works at {', '.join(rules.hours)} only"
    if at.on_battery and not rules.on_battery:
        return "on battery"
    if rules.idle_only:
        if at.idle_seconds is None:
            return "cannot tell here whether somebody uses this machine"
        if at.idle_seconds < IDLE_SECONDS:
            return "somebody uses this machine"
    return ""
