"""Injects faults at random, one after another, and heals what does not heal by itself."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from embedded.system import System
from tests.chaos.fleet import Berth, Fleet
from tests.chaos.hostile import GUESTS, visit
from tests.chaos.options import Options
from tests.chaos.people import Memory
from tests.chaos.recovery import Recovery
from tests.support import faults
from tests.support.patient import PatientLab

PAUSE_SECONDS = 1.8  # between two faults, on average
OUTAGE_SECONDS = 0.5, 5.0
LOCKED_SECONDS_MAX = 10.0  # of a long run; 4 in a short one


class Controller:
    """The same seed gives the same faults in the same order; what they hit depends on the clock."""

    def __init__(
        self, options: Options, system: System, lab: PatientLab, fleet: Fleet, memory: Memory
    ) -> None:
        self.options, self.system, self.lab, self.fleet, self.memory = (
            options,
            system,
            lab,
            fleet,
            memory,
        )
        self.chance = random.Random(options.seed)
        self.recovery = Recovery(system)
        self.counts: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.parts = sorted(system.pids().keys() - {"supervisord"})
        self.later: list[threading.Thread] = []
        self.deck: list[Callable[[], None]] = []
        self.at_server = (
            threading.Lock()
        )  # one at a time: two at once prove no more, and take longer to come back

    def run(self) -> None:
        end = time.monotonic() + self.options.seconds
        while time.monotonic() < end:
            self.next_fault()()
            time.sleep(min(self.chance.expovariate(1 / PAUSE_SECONDS), 3 * PAUSE_SECONDS))
        self.heal()

    def next_fault(self) -> Callable[[], None]:
        """Every fault once, in an order of chance; then all again."""
        if not self.deck:
            self.deck = [
                self.kill_worker,
                self.freeze_worker,
                self.cut_line,
                self.slow_line,
                self.reset_line,
                *(partial(self.kill_part, part) for part in self.parts),
                self.forget_tail,
                self.lock_database,
                self.let_in_hostile,
                self.let_in_hostile,
                *([self.flush] if self.options.flush else []),
            ]
            self.chance.shuffle(self.deck)
        return self.deck.pop()

    def heal(self) -> None:
        for thread in self.later:
            thread.join()
        self.fleet.heal()

    # At a worker

    def pick(self, fault: str) -> Berth | None:
        """A worker that nothing else is at, one with work if there is any."""
        free = [berth for berth in self.fleet.berths if not berth.busy]
        if not free:
            return None
        busy = [berth for berth in free if berth.held()]
        berth = self.chance.choice(busy or free)
        berth.busy = True
        self.counts[fault] += 1
        self.recovery.watch(fault, berth.held())
        return berth

    def for_a_while(self, berth: Berth, heal: Callable[[], None]) -> None:
        def wait_and_heal(seconds: float) -> None:
            time.sleep(seconds)
            heal()
            berth.busy = False

        self.do_later(wait_and_heal, self.chance.uniform(*OUTAGE_SECONDS))

    def do_later(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        thread.start()
        self.later.append(thread)

    def kill_worker(self) -> None:
        if berth := self.pick("worker killed"):
            berth.worker.kill()
            self.for_a_while(berth, berth.replace)

    def freeze_worker(self) -> None:
        if berth := self.pick("worker frozen"):
            berth.worker.freeze()
            self.for_a_while(berth, berth.worker.thaw)

    def cut_line(self) -> None:
        if berth := self.pick("line cut"):
            berth.proxy.cut(refuse=self.chance.random() < 0.3)
            self.for_a_while(berth, berth.proxy.heal)

    def slow_line(self) -> None:
        if berth := self.pick("line slow"):
            berth.proxy.throttle(self.chance.choice([20_000, 60_000, 200_000]))
            self.for_a_while(berth, berth.proxy.heal)

    def reset_line(self) -> None:
        if berth := self.pick("line reset"):
            berth.proxy.reset()
            berth.busy = False

    # At the server

    def watch_all(self, fault: str) -> None:
        self.counts[fault] += 1
        for berth in self.fleet.berths:
            if not berth.busy:
                self.recovery.watch(fault, berth.held())

    def kill_part(self, part: str) -> None:
        with self.at_server:
            self.watch_all(f"{part} killed")
            old = faults.kill_part(self.system, part)
            faults.comes_back(self.system, part, old)

    def forget_tail(self) -> None:
        with self.at_server:
            self.watch_all("redis lost its tail")
            self.memory.forget()
            faults.restart_redis_without_its_tail(
                self.system, self.chance.choice([50, 2_000, 40_000])
            )
            self.memory.forget()

    def flush(self) -> None:
        with self.at_server:
            self.counts["redis emptied"] += 1
            self.memory.forget()
            faults.flush_redis(self.system)
            self.memory.forget()

    def lock_database(self) -> None:
        self.counts["database locked"] += 1
        longest = LOCKED_SECONDS_MAX if self.options.minutes >= 2 else 4.0
        self.do_later(faults.lock_database, self.system, self.chance.uniform(1, longest))

    # Who comes in

    def let_in_hostile(self) -> None:
        guest = self.chance.choice(GUESTS)
        self.counts[f"hostile: {guest.__name__.replace('_', ' ')}"] += 1
        chance = random.Random(self.chance.random())
        self.do_later(
            lambda: self.complaints.extend(filter(None, [visit(guest, self.lab, chance)]))
        )
