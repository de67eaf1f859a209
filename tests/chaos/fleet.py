"""The honest workers, each behind a proxy of its own, and the attackers and liars beside them."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from embedded.system import System
from tests import attackers
from tests.attackers.target import Member, Target, enter
from tests.chaos.shifts import Shifts
from tests.support.patient import PatientLab
from tests.support.proxy import Proxy
from tests.support.scaled import ScaledOut
from tests.support.worker import Event, Worker

POISON = Path(__file__).parent / "poison_kinds"
PATH = os.pathsep.join(filter(None, [str(POISON), os.environ.get("PYTHONPATH")]))
SIZE = 4


def ports_of(system: System) -> tuple[int, ...]:
    """Of all its web servers."""
    return system.ports if isinstance(system, ScaledOut) else (system.port,)


def newcomer(lab: PatientLab) -> Member:
    """One more member of the group, invited by its owner."""
    name = f"mallory-{uuid4().hex[:10]}"
    return enter(lab.register(name), lab.api[0], lab.group, name)


class Berth:
    """A place in the fleet: a line, and the worker that uses it now."""

    def __init__(self, number: int, system: System, lab: PatientLab, folder: Path) -> None:
        self.number, self.lab, self.folder = number, lab, folder
        self.proxy = Proxy(*ports_of(system))
        self.busy = False  # a fault is at it
        self.past: list[Worker] = []
        self.worker = self._start()

    def _start(self) -> Worker:
        home = self.folder / f"machine-{self.number}"
        token = self.lab.worker_token(self.number % 3)
        return Worker(
            self.proxy.url,
            token,
            home.name,
            home,
            "--allow-private-networks",
            env={"PYTHONPATH": PATH},
        )

    def replace(self) -> None:
        """A new process of the same machine, after the old one was killed."""
        self.past.append(self.worker)
        self.worker = self._start()

    def held(self) -> list[Event]:
        """The `leased` events of what it holds, by its own word."""
        held: dict[str, Event] = {}
        for event in list(self.worker.events):
            lease = event.facts.get("lease", "")
            if event.name == "leased":
                held[lease] = event
            elif event.name in ("done", "dropped", "failed"):
                held.pop(lease, None)
        return list(held.values())


class Fleet:
    def __init__(self, system: System, lab: PatientLab, folder: Path, seed: int) -> None:
        target = Target(lab.url, ports_of(system), lab.group, lambda: newcomer(lab), seed)
        self.attackers = [attacker(target) for attacker in attackers.ALL]
        self.shifts = Shifts(target)
        self.berths = [Berth(number, system, lab, folder) for number in range(SIZE)]
        for berth in self.berths:
            berth.worker.hear("connected")

    def attack(self) -> None:
        """From now on, until the attackers leave."""
        for attacker in self.attackers:
            attacker.start()
        self.shifts.start()

    def end_attack(self) -> None:
        for attacker in self.attackers:
            attacker.leave()
        self.shifts.end()

    def heal(self) -> None:
        """Every line is whole, every worker awake. A worker that ended by itself stays so."""
        for berth in self.berths:
            berth.proxy.heal()
            berth.worker.thaw()

    def deserters(self) -> list[str]:
        """Honest workers that nobody killed and that ended all the same."""
        return [
            f"{berth.worker.name} ended by itself: {berth.worker.events[-1]}"
            for berth in self.berths
            if not berth.worker.lives
        ]

    def close(self) -> None:
        self.end_attack()
        for berth in self.berths:
            berth.worker.thaw()
            if berth.worker.lives:
                berth.worker.kill()
            berth.proxy.close()
