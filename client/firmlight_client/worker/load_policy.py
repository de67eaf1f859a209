"""How many slots may work now, and why not all of them. `machine` looks; this only decides.

Two measures keep it calm. It steps back soon (CALM_DOWN_SECONDS of others' load) and comes back
late (COME_BACK_SECONDS of quiet), and it counts by halves of a core. So a short peak, such as a
page that loads in a browser, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from firmlight_client.worker.consent.hours import open_at
from firmlight_client.worker.consent.rules import Consent, Rules

CALM_DOWN_SECONDS, COME_BACK_SECONDS = 10.0, 30.0
BUSY = "its owner's programs need the processors"
IDLE_SECONDS = 300.0  # a machine that was not touched for so long is not in use
TOLERATED_CORES = 0.5  # what others may take of the last core before a slot makes room


@dataclass(frozen=True)
class MachineState:
    """The machine as it is now. None: this system does not say."""

    now: float  # seconds of any steady clock
    clock: datetime  # local time
    cores: int
    others_cores: float  # what programs other than the worker's compute
    on_battery: bool | None = None
    idle_seconds: float | None = None


@dataclass(frozen=True)
class Verdict:
    """`slots` may work now, and `why` not all of them.

    `resting` is {row of the rules: why it takes nothing now}.
    """

    slots: int
    resting: Mapping[str, str]
    why: str = ""


@dataclass(frozen=True)
class Change:
    """Another number of slots was wanted without a break since `since`."""

    is_more: bool
    since: float  # on the clock of MachineState.now

    @property
    def seconds_needed(self) -> float:
        """How long it must be wanted before it is made."""
        return COME_BACK_SECONDS if self.is_more else CALM_DOWN_SECONDS


class LoadPolicy:
    """Judges the machine again and again, and remembers which change is wanted since when."""

    def __init__(self, consent: Consent, slots: int) -> None:
        self.consent, self.slots = consent, slots
        self.allowed = slots
        self.pending: Change | None = None

    def judge(self, machine: MachineState) -> Verdict:
        """What may work now. To be called every few seconds."""
        if self.consent.plain.yield_to_others:
            self._make_room(machine)
        rows = self.consent.rows()
        why = ""
        if self.allowed < self.slots:
            load = f"{machine.others_cores:.1f} of {machine.cores}"
            why = f"other programs need the processors ({load})"
        if self.allowed == 0:
            return Verdict(0, {name: BUSY for name, _ in rows}, why)
        reasons = {name: reason(rules, machine) for name, rules in rows}
        resting = {name: forbids for name, forbids in reasons.items() if forbids}
        return Verdict(self.allowed, resting, why)

    def _make_room(self, machine: MachineState) -> None:
        """Allow as many slots as fit beside other programs, once that is wanted for a while."""
        wanted = fitting(self.slots, machine.cores, machine.others_cores)
        if wanted == self.allowed:
            self.pending = None
            return
        is_more = wanted > self.allowed
        if self.pending is None or self.pending.is_more != is_more:
            self.pending = Change(is_more, machine.now)
        if machine.now - self.pending.since >= self.pending.seconds_needed:
            self.allowed, self.pending = wanted, None


def fitting(slots: int, cores: int, others_cores: float) -> int:
    """How many of `slots` leave other programs the cores that they use."""
    return max(0, min(slots, int(cores - others_cores + TOLERATED_CORES)))


def reason(rules: Rules, machine: MachineState) -> str:
    """Why these rules forbid work now; "" if they do not."""
    if not open_at(rules.hours, machine.clock):
        return f"works at {', '.join(rules.hours)} only"
    if machine.on_battery and not rules.on_battery:
        return "on battery"
    if rules.idle_only:
        if machine.idle_seconds is None:
            return "cannot tell here whether somebody uses this machine"
        if machine.idle_seconds < IDLE_SECONDS:
            return "somebody uses this machine"
    return ""
