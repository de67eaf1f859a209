"""`make bench-under-attack`: honest throughput while every attacker is at the same system, beside
that while the same attackers are at a second system that has nothing else to do.

Both systems are on this machine, so the attackers and the system that they attack take the same
share of its cores in either case; what differs is what honest people lose by it. ATTACK names some
attackers by their titles, with commas between (all by default), ATTACK_SECONDS (15) is how long one
measurement takes, ATTACK_ROUNDS (3) how often both are measured, in turn.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import httpx
import psutil

from benchmarks.lab import PASSWORD, Lab, lab
from firmlight_client.errors import FirmlightClientError
from tests import attackers
from tests.attackers import Attacker, Member, Target
from tests.attackers.target import enter
from tests.system.lab import TLS

IN_FLIGHT = 4  # tasks: one that waits for a lease to end does not leave the workers idle
SUBTASKS = 10_000
WORKERS = 2


@dataclass(frozen=True)
class Rate:
    """Honest subtasks, by the clock and by the processor time of the server."""

    per_second: float
    per_server_second: float


@dataclass(frozen=True)
class Side:
    """A system with honest workers; `honest` is its submitter's API client."""

    lab: Lab
    honest: httpx.Client

    def target(self) -> Target:
        system = self.lab.system
        return Target(system.url, (system.port,), self.lab.group, self._newcomer)

    def _newcomer(self) -> Member:
        name = f"mallory-{uuid4().hex[:10]}"
        client = _client(self.lab.system.url)
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        answer = client.post("auth/register/", json=body).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        return enter(client, self.honest, self.lab.group, name)

    def server_seconds(self) -> float:
        """Processor time that all of the system's processes took until now."""
        return sum(map(_seconds, self.lab.system.pids().values()))

    def measure(self, seconds: float) -> Rate:
        """So many tasks at a time, until the time is over and all are done."""
        began, server_before = time.monotonic(), self.server_seconds()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            lines = [pool.submit(self._work, began + seconds) for _ in range(IN_FLIGHT)]
            done = sum(line.result() for line in lines)
        taken, server = time.monotonic() - began, self.server_seconds() - server_before
        return Rate(done / taken, done / server)

    def _work(self, end: float) -> int:
        """One task after another; returns how many subtasks came back, each one checked."""
        done = 0
        while time.monotonic() < end:
            task = self.lab.client.submit("ECHO", group=self.lab.group, count=SUBTASKS)
            try:
                result = task.result(timeout=300)
            except FirmlightClientError as error:
                raise AssertionError(f"an honest task ended with {error}") from error
            if result["sum"] != SUBTASKS * (SUBTASKS - 1) // 2:
                raise AssertionError("an honest result is wrong")
            done += SUBTASKS
        return done


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/api/", timeout=60, verify=TLS)


def _seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


@contextlib.contextmanager
def side() -> Iterator[Side]:
    with lab() as made:
        for _ in range(WORKERS):
            made.start_worker()
        with _client(made.system.url) as honest:
            honest.headers["Authorization"] = f"Bearer {made.client.pair.access}"
            yield Side(made, honest)


@contextlib.contextmanager
def attacked(target: Target, chosen: list[type[Attacker]]) -> Iterator[list[Attacker]]:
    """All of them attack for as long as the block lasts."""
    made = [attacker(target) for attacker in chosen]
    for attacker in made:
        attacker.start()
    try:
        yield made
    finally:
        for attacker in made:
            attacker.leaving.set()
        for attacker in made:
            attacker.leave()


def compare(chosen: list[type[Attacker]], seconds: float, rounds: int) -> list[str]:
    counts: dict[str, Counter[str]] = {}
    ours: list[Rate] = []
    elsewhere: list[Rate] = []
    with side() as honest, side() as idle:
        honest.measure(seconds / 3)  # the first tasks after a start take longer
        for number in range(rounds):
            # In turn also which comes first: the machine may grow slower meanwhile.
            for target in (idle, honest) if number % 2 == 0 else (honest, idle):
                with attacked(target.target(), chosen) as made:
                    rate = honest.measure(seconds)
                if target is idle:
                    elsewhere.append(rate)
                    continue
                ours.append(rate)
                for attacker in made:
                    counts.setdefault(attacker.title, Counter()).update(attacker.counts)
    said = [f"{title}: {_words(found)}" for title, found in counts.items()]
    pairs = list(zip(ours, elsewhere, strict=True))
    by_clock = [(here.per_second, there.per_second) for here, there in pairs]
    by_server = [(here.per_server_second, there.per_server_second) for here, there in pairs]
    return [
        _row("honest subtasks/s", by_clock),
        _row("and per second of the server's processor", by_server),
        *said,
    ]


def _row(title: str, pairs: list[tuple[float, float]]) -> str:
    here, elsewhere = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = sorted(here / there for here, there in pairs)
    return (
        f"{title:42} {here:10,.0f} attacked {elsewhere:10,.0f} attacked elsewhere   "
        f"ratio {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}, n = {len(pairs)})"
    )


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing"


def main() -> None:
    seconds = float(os.environ.get("ATTACK_SECONDS", "15"))
    rounds = int(os.environ.get("ATTACK_ROUNDS", "3"))
    every = {attacker.title: attacker for attacker in attackers.ALL}
    wanted = [title.strip() for title in os.environ.get("ATTACK", "").split(",") if title.strip()]
    if unknown := set(wanted) - every.keys():
        sys.exit(f"ATTACK: no attacker is called {', '.join(sorted(unknown))}")
    chosen = [every[title] for title in wanted or every]
    print("\n".join(compare(chosen, seconds, rounds)))


if __name__ == "__main__":
    main()
