"""`make bench-liars`: a liar among five owners, over 1,000 tasks that are checked by `auto`.

Each sort of liar is in a group of its own with four honest owners; two who collude are with three.
Two groups without a liar say what checking costs: one whose tasks are not checked, and one whose
tasks are. All groups take turns at the same system, with the same honest workers, fifty tasks at
a time.

LIARS names some liars by their titles, with commas between (all by default); "no liar" stands for
the two groups without one. LIAR_TASKS (1000) is how many tasks each group gets; after
LIAR_MINUTES (15) no more are begun. Writes docs/reference/benchmarks-liars.md if both of the first
have their defaults.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks.lab import PASSWORD, Lab, lab
from benchmarks.machine import cores_and_memory
from firmlight_client import protocol
from firmlight_client.sdk.client import Task
from tasks.verification import AUTO, NONE, PENDING
from tests.attackers import GANGS, Liar, Member, Target
from tests.attackers.liar import KIND, honest
from tests.attackers.reckoning import (
    FAULT,
    OUTVOTED,
    UNCHECKED,
    Reckoning,
    judge_wrong_result,
    says_checked,
)
from tests.attackers.target import enter
from tests.support.worker import Worker
from tests.system.lab import TLS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "benchmarks-liars.md"
TASKS, AT_A_TIME, IN_FLIGHT, OWNERS, MINUTES = 1000, 50, 8, 5, 15.0
# How many numbers the tasks have, in turn. Only of the last one a subtask is large.
SIZES = (500, 5_000, 2_000, 5_000, 10_000, 5_000, 2_000, 5_000, 10_000, 80_000)
INPUTS_OF_EACH_SIZE = 3
CHECKS_SECONDS_MAX = 60.0
NO_LIAR = "no liar"
UNCHECKED_GROUP, CHECKED_GROUP = f"{NO_LIAR}, `none`", f"{NO_LIAR}, `auto`"
PREFACE = """# Liars among honest workers

Written by `make bench-liars`: MEAN tasks of 1 to 16 subtasks, submitted to groups of five owners
with a worker each. One of the five lies (two of those who collude do), in the last digits of its
sums, which its kind cannot see without computing them again. All other workers are real ones. Each
group begins with owners of whom nothing is known.

What becomes of lies is explained in [trust.md](../explanation/trust.md).
"""


class Honest(Liar):
    """It never lies: the fifth owner of a group without a liar."""

    title, size = "honest", 1

    def answer(self, lease: protocol.Lease) -> tuple[Any, bool]:
        return honest(lease), False


Gang = tuple[type[Liar], ...]


@dataclass(frozen=True)
class Question:
    """Whole numbers, so that their mean is known to the last bit."""

    numbers: NDArray[np.float64]
    mean: float

    @classmethod
    def of(cls, size: int, seed: int) -> Question:
        values = np.random.default_rng([size, seed]).integers(-(10**6), 10**6, size)
        return cls(values.astype(np.float64), int(values.sum()) / size)


@dataclass
class Delivered:
    """A task that gave a result."""

    task: dict[str, Any]
    is_right: bool

    @property
    def subtasks(self) -> int:
        return int(self.task["counts"]["total"])


@dataclass
class Group:
    """One of the groups that are compared, with its own liars or the one honest owner instead."""

    title: str
    verify: str
    number: str
    liars: list[Liar]
    delivered: list[Delivered] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)  # seconds of each
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def needed(self) -> int:
        return sum(each.subtasks for each in self.delivered)

    @property
    def is_right(self) -> dict[str, bool]:
        return {str(each.task["id"]): each.is_right for each in self.delivered}


class Bench:
    """The system with the honest workers, and all groups on it."""

    def __init__(self, made: Lab, api: httpx.Client, folder: Path) -> None:
        self.lab, self.api, self.folder = made, api, folder
        self.questions = [
            [Question.of(size, seed) for size in SIZES] for seed in range(INPUTS_OF_EACH_SIZE)
        ]
        people = [self._register(f"honest-{number}") for number in range(OWNERS - 1)]
        self.people = [(name, client, self._token(client)) for name, client in people]
        self.workers: list[Worker] = []
        self.newcomers: list[httpx.Client] = []

    def _register(self, role: str) -> tuple[str, httpx.Client]:
        name = f"{role}-{uuid4().hex[:10]}"
        client = api_client(self.lab.system.url)
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        answer = client.post("auth/register/", json=body).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        return name, client

    def _token(self, client: httpx.Client) -> str:
        answer = client.post("worker-tokens/", json={"name": "bench"}).raise_for_status()
        return str(answer.json()["token"])

    def form(self, title: str, verify: str, gang: Gang) -> Group:
        """A group of OWNERS owners, before the workers start."""
        group = self.lab.client.create_group(title.replace("`", ""))["id"]
        for name, client, _ in self.people[: OWNERS - len(gang)]:
            body = {"usernames": [name]}
            self.api.post(f"groups/{group}/invitations/", json=body).raise_for_status()
            (invitation,) = client.get("invitations/").raise_for_status().json()["results"]
            client.post(f"invitations/{invitation['id']}/accept/").raise_for_status()
        system = self.lab.system
        target = Target(system.url, (system.port,), group, lambda: self._newcomer(group))
        liars = [liar(target) for liar in gang]
        for liar in liars:
            liar.on_shift.clear()
            liar.start()
        return Group(title, verify, group, liars)

    def _newcomer(self, group: str) -> Member:
        name, client = self._register("mallory")
        self.newcomers.append(client)
        return enter(client, self.api, group, name)

    def start_workers(self) -> None:
        for name, _, token in self.people:
            home = self.folder / name
            self.workers.append(Worker(self.lab.system.url, token, name, home))
        for worker in self.workers:
            worker.hear("connected")

    # Measuring

    def work(self, group: Group, first: int, last: int) -> None:
        """Tasks number `first` to `last` - 1, some at a time, until all of them are over."""
        for liar in group.liars:
            liar.on_shift.set()
        began = time.monotonic()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            numbers = range(first, last)
            group.delivered += pool.map(lambda number: self._ask(group, number), numbers)
        group.rounds.append(time.monotonic() - began)
        for liar in group.liars:
            liar.on_shift.clear()

    def _ask(self, group: Group, number: int) -> Delivered:
        """Submit a task, fetch its result, and compare it with the truth."""
        question = self._question(number)
        task = self.lab.client.submit(
            KIND, group=group.number, verify=group.verify, numbers=question.numbers
        )
        is_right = self._result(task)["mean"] == question.mean
        if not is_right and _is_pending(task):
            group.verdicts[PENDING] += 1
            self._wait_for_checks(task)
            is_right = self._result(task)["mean"] == question.mean
        return Delivered(task.info, is_right)

    def _question(self, number: int) -> Question:
        of_sizes = self.questions[number // len(SIZES) % INPUTS_OF_EACH_SIZE]
        return of_sizes[number % len(SIZES)]

    def _result(self, task: Task) -> Any:
        result = task.result(timeout=120)
        task.refresh()
        return result

    def _wait_for_checks(self, task: Task) -> None:
        end = time.monotonic() + CHECKS_SECONDS_MAX
        while _is_pending(task.refresh()) or not task.is_over:
            if time.monotonic() > end:
                raise TimeoutError(f"the checks of {task.id} do not end")
            time.sleep(0.1)

    def judge(self, group: Group) -> Reckoning:
        """Say of each wrong result whose fault it is."""
        for each in group.delivered:
            if not each.is_right:
                verdict = judge_wrong_result(each.task, group.liars, self.events)
                group.verdicts[verdict] += 1
        return Reckoning(group.liars, group.is_right, self.events)

    def events(self, task: str) -> Iterator[dict[str, Any]]:
        """All of a task's log, page by page."""
        address = f"tasks/{task}/events/"
        while address:
            page = self.api.get(address).raise_for_status().json()
            yield from page["results"]
            address = page["next"]

    def computed(self, group: Group) -> int:
        """How many subtasks were computed for the group's tasks, whatever came of them."""
        done = [event.facts for worker in self.workers for event in worker.said("done")]
        honestly = sum(facts["subtasks"] for facts in done if facts["task"] in group.is_right)
        answers = [answer for liar in group.liars for answer in liar.answers]
        return honestly + sum(answer.subtasks for answer in answers)

    def close(self) -> None:
        for worker in self.workers:
            worker.stop()
        for client in (*self.newcomers, *(client for _, client, _ in self.people)):
            client.close()


def _is_pending(task: Task) -> bool:
    verification = task.info.get("verification")
    return verification is not None and verification["how"] == PENDING


def api_client(url: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/api/", timeout=60, verify=TLS)


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    # One user submits all there is to submit, and invites everybody to all groups: how much of the
    # server is theirs is not the question.
    options = {
        "ACCESS_TOKEN_MINUTES": "1000",
        "USER_PROCESSOR_SECONDS_MAX": "1000000",
        "INVITATIONS_PER_PAIR_DAY_MAX": "1000",
        "UPLOAD_PER_MINUTE_MAX": "1000000",  # numbers in an array are sent as a file
    }
    with lab(**options) as made, api_client(made.system.url) as api:
        api.headers["Authorization"] = f"Bearer {made.client.pair.access}"
        running = Bench(made, api, made.folder)
        try:
            yield running
        finally:
            running.close()


def compare(gangs: Sequence[Gang], tasks: int, minutes: float, *, with_honest: bool) -> list[str]:
    """A table of the lies, and one of what checking costs."""
    with bench() as running:
        honest_groups: list[Group] = []
        if with_honest:
            honest_groups = [
                running.form(UNCHECKED_GROUP, NONE, (Honest,)),
                running.form(CHECKED_GROUP, AUTO, (Honest,)),
            ]
        lied_to = [running.form(gang[0].title, AUTO, gang) for gang in gangs]
        groups = honest_groups + lied_to
        running.start_workers()
        try:
            end = time.monotonic() + 60 * minutes
            for first in range(0, tasks, AT_A_TIME):
                if time.monotonic() > end:
                    break
                for group in groups:
                    running.work(group, first, min(first + AT_A_TIME, tasks))
        finally:
            for group in groups:
                for liar in group.liars:
                    liar.leave()
        if any(not each.is_right for group in honest_groups for each in group.delivered):
            raise AssertionError("a result is wrong where nobody lied")
        lies = [lies_row(group, running.judge(group)) for group in lied_to]
        unchecked = honest_groups[0] if honest_groups else None
        costs = [cost_row(group, unchecked, running.computed(group)) for group in groups]
    return [*table(LIES_HEAD, lies), "", *table(COSTS_HEAD, costs)]


LIES_HEAD = (
    "One liar among five",
    "Tasks",
    "Answers of liars",
    "Lies told",
    "Met",
    "Stood",
    "Out after answers",
    "Wrong results delivered as checked",
    "Not as checked",
    "As checked, confirmed by who colludes",
    "As pending, and withdrawn",
)
COSTS_HEAD = (
    "Group",
    "Subtasks",
    "Computed more",
    "Seconds",
    "Seconds more",
    "Results recomputed wholly",
)


def lies_row(group: Group, found: Reckoning) -> list[str]:
    verdicts = [group.verdicts[verdict] for verdict in (FAULT, UNCHECKED, OUTVOTED, PENDING)]
    numbers = [len(group.delivered), found.answers, found.told, found.met, found.stood]
    return [group.title, *map(_number, numbers), found.out, *map(_number, verdicts)]


def cost_row(group: Group, unchecked: Group | None, computed: int) -> list[str]:
    """Seconds are compared round by round, as all groups take turns."""
    more = ""
    if unchecked:
        pairs = zip(group.rounds, unchecked.rounds, strict=True)
        share = statistics.median(mine / theirs - 1 for mine, theirs in pairs)
        more = f"{100 * share:+.1f} %"
    computed_more = 100 * (computed / group.needed - 1)
    return [
        group.title,
        _number(group.needed),
        f"{computed_more:+.1f} %",
        f"{sum(group.rounds):.1f}",
        more,
        _number(sum(says_checked(each.task["verification"]) for each in group.delivered)),
    ]


def _number(number: int) -> str:
    return f"{number:,}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def page(lines: Sequence[str]) -> str:
    made = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}"
    return "\n".join([PREFACE, f"{made}, {cores_and_memory()}.", "", *lines, ""])


def main() -> None:
    tasks = int(os.environ.get("LIAR_TASKS", TASKS))
    minutes = float(os.environ.get("LIAR_MINUTES", MINUTES))
    every = {gang[0].title: gang for gang in GANGS}
    wanted = [title.strip() for title in os.environ.get("LIARS", "").split(",") if title.strip()]
    if unknown := set(wanted) - {*every, NO_LIAR}:
        sys.exit(f"LIARS: no liar is called {', '.join(sorted(unknown))}")
    gangs = [gang for title, gang in every.items() if not wanted or title in wanted]
    text = page(compare(gangs, tasks, minutes, with_honest=not wanted or NO_LIAR in wanted))
    if tasks == TASKS and not wanted:
        PAGE.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
