"""Tasks with known answers, and the right ways for each to end."""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PRIMES = [999_983, 1_000_003, 999_999_937, 1_000_000_007, 10_000_000_019, 99_999_999_977]
HOWS = ["raise", "exit", "segfault", "hang"]


@dataclass
class Order:
    """A task to submit, what it must give, and what became of it. Times are time.monotonic()."""

    ticket: (
        str  # its title on the server: so it is found even if the answer to its submission was lost
    )
    person: int
    kind: str
    params: dict[str, Any]
    expected: Any
    file: bytes | None = None
    allow_partial: bool = False
    must_fail: bool = False
    whole: bool = True  # every subtask counts: nothing decides it early
    id: str = ""
    submitted: float = 0.0
    cancel_after: float | None = None
    cancelled: bool = False
    verdict: str = ""
    why: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def matches(self, result: Any) -> bool:
        if self.kind == "CRAWLER":
            result = crawled(result)
        elif "incomplete" in result:  # its subtasks come in the order of failing
            result["incomplete"]["subtasks"].sort()
        elif (
            self.kind == "MEAN" and sum(result.pop("histogram")["counts"]) != self.expected["count"]
        ):
            return False
        return result == self.expected


def body(order: Order, group: str) -> dict[str, Any]:
    """The arguments of the POST that submits it."""
    facts = {
        "group": group,
        "kind": order.kind,
        "title": order.ticket,
        "allow_partial": order.allow_partial,
    }
    if order.file is None:
        return {"json": {**facts, "params": order.params}}
    form = {**facts, "params": "{}", "allow_partial": "false"}
    return {
        "data": form,
        "files": {"file": ("numbers.npy", order.file, "application/octet-stream")},
    }


def crawled(result: Any) -> Any:
    return [
        (site["url"], sorted(page["url"] for page in site["pages"]), site["errors"])
        for site in result["sites"]
    ]


class Imagination:
    """Thinks up orders, the same ones for the same seed."""

    def __init__(self, seed: int, person: int, site: str, paths: list[str]) -> None:
        self.chance, self.person, self.site, self.paths = (
            random.Random(f"{seed} {person}"),
            person,
            site,
            paths,
        )
        self.numbers = np.random.default_rng([seed, person])
        self.count = 0

    def next(self) -> Order:
        self.count += 1
        makers = [self.echo, self.factorization, self.mean, self.crawler, self.poison]
        (make,) = self.chance.choices(makers, [6, 2, 5, 1, 1])
        order = make(f"{self.person}-{self.count}")
        if self.chance.random() < 0.08:
            order.cancel_after = self.chance.uniform(0, 2)
        return order

    def echo(self, ticket: str) -> Order:
        count, seconds = self.chance.choice(
            [(20, 0.2), (60, 0.1), (200, 0.02), (2000, 0.0), (3, 2.0)]
        )
        expected = {"count": count, "sum": count * (count - 1) // 2, "values": list(range(count))}
        params = {"count": count, "seconds": seconds, "collect": True}
        return Order(ticket, self.person, "ECHO", params, expected)

    def factorization(self, ticket: str) -> Order:
        p, q = sorted(self.chance.sample(PRIMES, 2))
        expected = {
            "number": str(p * q),
            "factors": [[str(p), 1], [str(q), 1]],
            "divisors": 4,
            "proved": True,
        }
        return Order(
            ticket, self.person, "FACTORIZATION", {"number": str(p * q)}, expected, whole=False
        )

    def mean(self, ticket: str) -> Order:
        """Whole numbers: their sums are exact, so the right answer is known to the last bit."""
        values = self.numbers.integers(-(10**6), 10**6, self.chance.choice([100, 5000, 300_000]))
        file = io.BytesIO()
        np.save(file, values.astype(np.float64))
        n, total, squares = values.size, int(values.sum()), int((values * values).sum())
        expected = {
            "count": n,
            "mean": total / n,
            "variance": (n * squares - total * total) / (n * n),
            "min": float(values.min()),
            "max": float(values.max()),
        }
        return Order(ticket, self.person, "MEAN", {}, expected, file=file.getvalue())

    def crawler(self, ticket: str) -> Order:
        url = f"{self.site}/"
        expected = [(url, sorted(self.site + path for path in self.paths), [])]
        return Order(
            ticket,
            self.person,
            "CRAWLER",
            {"urls": [url], "limit": 50, "same_host": True},
            expected,
        )

    def poison(self, ticket: str) -> Order:
        count, partial = 12, self.chance.random() < 0.5
        bad = sorted(self.chance.sample(range(count), self.chance.choice([1, 2])))
        params = {"count": count, "bad": bad, "how": self.chance.choice(HOWS)}
        expected = {"values": [number for number in range(count) if number not in bad]}
        if partial:
            expected["incomplete"] = {"failed": len(bad), "of": count, "subtasks": bad}
        return Order(
            ticket,
            self.person,
            "POISON",
            params,
            expected,
            allow_partial=partial,
            must_fail=not partial,
        )


def judge(order: Order, task: dict[str, Any], result: Any, *, forgiven: bool) -> None:
    """Give the verdict on a task that is over. `forgiven`: Redis lost writes while it lived, so it
    may lack its input.

    `result` is None if there is none to be had.
    """
    order.facts = task
    status, code = task["status"], (task["error"] or {}).get("code")
    if status == "cancelled":
        order.verdict = "cancelled" if order.cancelled else "wrong"
    elif status == "failed":
        right = (code == "subtask_failed" and order.must_fail) or (
            code == "input_lost" and forgiven
        )
        order.verdict = "failed" if right else "wrong"
    elif result is None:
        order.verdict = "failed" if forgiven else "lost"
    elif order.must_fail or not order.matches(result):
        order.verdict = "wrong"
    else:
        order.verdict = "exact" if counted_once(order, task) else "twice"
    if order.verdict in ("lost", "twice", "wrong"):
        shares = [row["subtasks"] for row in task["contributions"]]
        answer = json.dumps(result)[:200]
        facts = f"{task['counts']} {task.get('verification')}"
        order.why = f"{status} {task['error']} {facts} shares {shares} result {answer}"


def counted_once(order: Order, task: dict[str, Any]) -> bool:
    """The workers' shares make up what is done, and that makes up the task."""
    counts = task["counts"]
    shares = sum(row["subtasks"] for row in task["contributions"])
    missing = len(order.params["bad"]) if order.kind == "POISON" else 0
    complete = not order.whole or counts["done"] + missing == counts["total"]
    return shares == counts["done"] and counts["failed"] == missing and complete
