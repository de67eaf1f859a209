"""The table at the end of a run, and what it must show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.attackers.reckoning import FAULT, OUTVOTED, UNCHECKED, Reckoning, judge_wrong_result
from tests.chaos.controller import Controller
from tests.chaos.latency import Latency
from tests.chaos.people import Person
from tests.chaos.workload import Order

MUST_BE_ZERO = {"lost": "lost", "twice": "counted twice or not at all", "wrong": "wrong"}
# Wrong results that are a liar's, and not ours.
BELIEVED = {
    UNCHECKED: "wrong, and not said to be checked",
    OUTVOTED: "wrong, and confirmed by two who collude",
}


class Report:
    def __init__(
        self, controller: Controller, people: list[Person], settled_seconds: float, latency: Latency
    ) -> None:
        self.controller, self.people, self.settled_seconds = controller, people, settled_seconds
        self.latency = latency
        self.orders = [order for person in people for order in person.orders if order.id]
        self.liars = controller.fleet.shifts.liars
        for order in self.orders:
            self._blame(order)
        self.verdicts = Counter(order.verdict for order in self.orders)
        self.reckonings = self._reckon()

    def _reckon(self) -> list[Reckoning]:
        """What became of the lies of each sort of liar."""
        is_right = {
            order.id: order.verdict == "exact"
            for order in self.orders
            if order.facts and order.facts["status"] == "succeeded"
        }
        gangs = self.controller.fleet.shifts.gangs
        return [Reckoning(gang, is_right, self._events) for gang in gangs]

    @property
    def bad(self) -> list[Order]:
        return [
            order for order in self.orders if order.verdict in MUST_BE_ZERO or not order.verdict
        ]

    def _blame(self, order: Order) -> None:
        """A wrong result is our fault, unless a liar got away with it and it does not say more."""
        if order.verdict != "wrong" or order.facts["status"] != "succeeded" or order.must_fail:
            return
        verdict = judge_wrong_result(order.facts, self.liars, self._events)
        order.verdict = "wrong" if verdict == FAULT else verdict

    def _events(self, task: str) -> Iterator[dict[str, Any]]:
        """All of a task's log, page by page."""
        address = f"tasks/{task}/events/"
        while address:
            page = self.controller.lab.ask("GET", address).json()
            yield from page["results"]
            address = page["next"]

    def show(self) -> None:
        console = Console(width=100)
        console.print(self._faults())
        console.print(self._tasks())
        console.print(self._attackers())
        console.print(self._lies())
        for order in self.bad:
            console.print(
                f"{order.verdict}: {order.id} {order.kind} {order.params}: {order.why}", style="red"
            )
        for complaint in self.controller.complaints:
            console.print(complaint, style="red")

    def _faults(self) -> Table:
        table = Table("fault", "times", "leases hit", "p50 s", "p99 s", "max s", title="Recovery")
        samples = self.controller.recovery.samples
        for name, count in sorted(self.controller.counts.items()):
            table.add_row(name, str(count), *_quantiles(samples.get(name, [])))
        poison = sum(order.kind == "POISON" for order in self.orders)
        table.add_row("poison tasks", str(poison), *_quantiles([]))
        every = [seconds for row in samples.values() for seconds in row]
        table.add_section()
        table.add_row("all", str(sum(self.controller.counts.values()) + poison), *_quantiles(every))
        table.caption = (
            "seconds until the first subtask of a lease of that moment is done or leased elsewhere"
        )
        return table

    def _tasks(self) -> Table:
        table = Table("tasks", "", title=f"Chaos, seed {self.controller.options.seed}")
        kinds = Counter(order.kind for order in self.orders)
        table.add_row(
            "accepted",
            f"{len(self.orders)} ({', '.join(f'{n} {k}' for k, n in sorted(kinds.items()))})",
        )
        table.add_row(
            "subtasks counted", str(sum(o.facts["counts"]["done"] for o in self.orders if o.facts))
        )
        table.add_row(
            "submissions without an answer", str(sum(person.unanswered for person in self.people))
        )
        table.add_row("exact", str(self.verdicts["exact"]))
        table.add_row("failed for the right reason", f"{self.verdicts['failed']} {self._reasons()}")
        table.add_row("cancelled as asked", str(self.verdicts["cancelled"]))
        for verdict, words in MUST_BE_ZERO.items():
            table.add_row(
                words,
                str(self.verdicts[verdict]),
                style="bold red" if self.verdicts[verdict] else "bold green",
            )
        for verdict, words in BELIEVED.items():
            table.add_row(words, str(self.verdicts[verdict]))
        table.add_row("last task over after the last fault", f"{self.settled_seconds:.1f} s")
        return table

    def _attackers(self) -> Table:
        fleet = self.controller.fleet
        table = Table(
            "beside the attackers", "answers", "p50 s", "p99 s", "max s", title="Honest people wait"
        )
        for what, samples in sorted(self.latency.samples.items()):
            table.add_row(what, *_quantiles(samples))
        table.caption = "\n".join(
            f"{attacker.title}: {_words(attacker.counts)}" for attacker in fleet.attackers
        )
        return table

    def _lies(self) -> Table:
        table = Table(
            *("liar", "answers", "lies told", "met", "stood in a result", "moot"),
            "out after answers",
            title=f"Liars; {self.verdicts['wrong']} wrong results were delivered as checked",
        )
        for found in self.reckonings:
            numbers = (found.answers, found.told, found.met, found.stood, found.moot)
            table.add_row(found.title, *map(str, numbers), found.out)
        table.caption = (
            "met: the result was right all the same, or the lie was refused or taken out; "
            "moot: its task gave no result, or the answer never arrived"
        )
        return table

    def _reasons(self) -> str:
        codes = Counter(
            (o.facts["error"] or {}).get("code") or "result gone"
            for o in self.orders
            if o.verdict == "failed"
        )
        return f"({', '.join(f'{n} {code}' for code, n in codes.items())})" if codes else ""


def _words(counts: Counter[str]) -> str:
    """3 sent, 2 refused"""
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()) if count) or "none"


def _quantiles(samples: list[float]) -> list[str]:
    if not samples:
        return ["", "", "", ""]
    return [str(len(samples)), *(f"{float(np.quantile(samples, q)):.2f}" for q in (0.5, 0.99, 1.0))]
