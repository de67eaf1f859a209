"""The people: they submit, cancel, watch their tasks and fetch results immediately."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx

from tasks.verification import PENDING
from tests.chaos.latency import Latency
from tests.chaos.workload import Imagination, Order, body, judge
from tests.support.patient import Impatient, PatientLab, until

IN_FLIGHT_MAX = 4
LOOK_SECONDS = 0.25


class Person(threading.Thread):
    """Person `imagination.person` of the lab. `memory` says when Redis lost writes: what it then
    lacks is forgiven.
    """

    def __init__(
        self, lab: PatientLab, imagination: Imagination, memory: Memory, latency: Latency
    ) -> None:
        super().__init__(daemon=True, name=f"person {imagination.person}")
        self.lab, self.imagination, self.memory, self.latency = lab, imagination, memory, latency
        self.number = imagination.person
        self.orders: list[Order] = []
        self.unanswered = 0
        self.leaving = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.leaving.is_set():
                if len(self.open()) < IN_FLIGHT_MAX:
                    self.submit(self.imagination.next())
                self.look()
                self.let_workers_back()
                self.leaving.wait(LOOK_SECONDS)
        except BaseException as error:
            self.error = error

    def open(self) -> list[Order]:
        return [order for order in self.orders if order.id and not order.verdict]

    def submit(self, order: Order) -> None:
        """Once. Without a 201 nothing was promised; `find_unanswered` looks what came of it."""
        order.submitted = time.monotonic()
        self.orders.append(order)
        try:
            answer = self.lab.api[self.number].post("tasks/", **body(order, self.lab.group))
        except httpx.TransportError:
            self.unanswered += 1
            return
        if answer.status_code == 201:
            self.latency.note("a submission", time.monotonic() - order.submitted)
            order.id = answer.json()["id"]
        elif answer.status_code >= 500:
            self.unanswered += 1
        else:
            raise AssertionError(f"{order.ticket} {order.kind}: {answer.status_code} {answer.text}")

    def look(self) -> None:
        for order in self.open():
            if (
                order.cancel_after is not None
                and time.monotonic() > order.submitted + order.cancel_after
            ):
                order.cancel_after, order.cancelled = (
                    None,
                    True,
                )  # it may have an effect and no answer
                self.lab.ask("POST", f"tasks/{order.id}/cancel/", person=self.number)
            self.look_at(order)

    def look_at(self, order: Order) -> None:
        answer = self.lab.ask("GET", f"tasks/{order.id}/", person=self.number)
        if answer.status_code == 404:
            order.verdict, order.why = "lost", "the server does not know it"
        elif answer.is_success and answer.json()["status"] in ("succeeded", "failed", "cancelled"):
            result = self.fetch(order) if answer.json()["status"] == "succeeded" else None
            judge(order, answer.json(), result, forgiven=self.memory.lost_since(order.submitted))
            if order.verdict in ("wrong", "lost") and is_pending(answer.json()):
                order.verdict = ""  # it is checked still, and may be withdrawn at any moment

    def fetch(self, order: Order) -> Any:
        answer = self.lab.ask("GET", f"tasks/{order.id}/result/", person=self.number)
        return answer.json() if answer.status_code == 200 else None

    def let_workers_back(self) -> None:
        """Poison tasks of three people in a row have their workers suspended; the owners know
        better.
        """
        answer = self.lab.ask("GET", "workers/", person=self.number)
        rows = answer.json().get("results", []) if answer.is_success else []
        for row in rows:
            if row.get("suspended"):
                self.lab.ask(
                    "PATCH", f"workers/{row['id']}/", person=self.number, json={"suspended": False}
                )

    # The end

    def finish(self, seconds: float) -> None:
        """No new tasks; all must end in this time. `leaving` is set for everybody first."""
        self.join()
        if self.error:
            raise self.error
        self.find_unanswered()

        def all_over() -> bool:
            self.look()
            self.let_workers_back()
            return not self.open()

        try:
            until(all_over, seconds=seconds)
        except Impatient:
            for order in self.open():
                order.verdict = "lost"
                order.facts = self.lab.task(order.id)
                order.why = f"still {order.facts['status']} {order.facts['counts']}"

    def find_unanswered(self) -> None:
        """A submission without an answer may have been stored all the same; then it has to end like
        any other.
        """
        tickets = {order.ticket: order for order in self.orders if not order.id}
        page = 1
        while tickets:
            answer = self.lab.ask("GET", "tasks/", person=self.number, params={"page": page}).json()
            for row in answer["results"]:
                if row["title"] in tickets:
                    tickets[row["title"]].id = row["id"]
            if not answer["next"]:
                return
            page += 1


def is_pending(task: dict[str, Any]) -> bool:
    return bool(task["verification"]) and task["verification"]["how"] == PENDING


class Memory:
    """When Redis lost writes that it had answered."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def forget(self) -> None:
        self.losses.append(time.monotonic())

    def lost_since(self, moment: float) -> bool:
        return any(loss > moment for loss in self.losses)
