"""What happens in the demo, from the first registration to the last check."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from embedded import environment
from embedded.demo import errands, site
from embedded.demo.computers import Computer
from embedded.demo.errands import Errand, WrongResult
from embedded.demo.people import Person
from embedded.demo.screen import FINAL, Board, Screen
from embedded.problem import Problem
from embedded.system import System

GROUP = "Night owls"
LOOK_SECONDS = 0.2
TASK_SECONDS_MAX = 60.0
KILL_AT = 0.25
KEPT = ("SECRET_KEY", "STATIC_ROOT")  # database and Redis are always the demo's own


def show(var: Path, port: int) -> int:
    """Run the demo in the folder `var`, which is emptied first. Raises Problem if it fails."""
    began = time.monotonic()
    screen = Screen()
    system = System(var, port, env=environment.of_the_user(KEPT), fresh=True)
    screen.heading("Firmlight: three people, two computers, one group")
    try:
        with ExitStack() as stack:
            Story(screen, system, stack).play()
    except (Problem, WrongResult) as error:
        raise Problem(f"the demo went wrong: {error} (logs: {system.home}log/)") from None
    screen.console.print()
    seconds = time.monotonic() - began
    screen.done(f"Everything has stopped after {seconds:.0f} s. What it wrote is in {system.home}")
    screen.console.print()
    return 0


class Story:
    """The people, the computers and what they do together."""

    def __init__(self, screen: Screen, system: System, stack: ExitStack) -> None:
        self.screen, self.system, self.stack = screen, system, stack
        self.people: list[Person] = []
        self.computers: list[Computer] = []
        self.contributions: list[tuple[str, dict[str, Any]]] = []
        self.group = ""

    def play(self) -> None:
        self._start()
        self._meet()
        self._lend()
        address = self.stack.enter_context(site.serve())
        self._three_tasks(
            [errands.factorization(), errands.mean(self.system.home.root), errands.crawl(address)]
        )
        self._one_task_and_a_death(errands.echo())
        self.screen.heading("Who contributed what")
        self.screen.contributions(self.contributions)

    def _start(self) -> None:
        began = time.monotonic()
        with self.screen.waiting("Redis, web, jobs and beat are starting …"):
            self.stack.enter_context(self.system)
        seconds = time.monotonic() - began
        self.screen.done(
            f"Redis, web, jobs and beat are up at {self.system.url} after {seconds:.1f} s"
        )

    def _meet(self) -> None:
        names = ("ada", "ben", "chloe")
        self.people = [self.stack.enter_context(Person(self.system.url, name)) for name in names]
        ada, ben, chloe = self.people
        self.group = ada.create_group(GROUP)
        ada.invite(self.group, [ben.username, chloe.username])
        for guest in (ben, chloe):
            if guest.accept_invitations() != 1:
                raise Problem(f"{guest.username} does not find the invitation.")
        self.screen.done(
            f"ada, ben and chloe registered; ben and chloe accepted ada's invitation to “{GROUP}”"
        )

    def _lend(self) -> None:
        for person in self.people[1:]:
            token = person.worker_token(f"{person.username}-pc")
            computer = self.stack.enter_context(Computer(self.system, person.username, token))
            self.computers.append(computer)
        self.screen.done(
            "ben and chloe lend their computers: two worker processes with one slot each"
        )

    def _three_tasks(self, all_errands: list[Errand]) -> None:
        self.screen.heading("ada submits three tasks to the group")
        results = self._run(all_errands)
        self.screen.heading("Her results, compared with answers computed here another way")
        for errand, result in zip(all_errands, results, strict=True):
            self.screen.done(errand.check(result))

    def _one_task_and_a_death(self, errand: Errand) -> None:
        victim, heir = self.computers[-1], self.computers[0].owner
        self.screen.heading(
            f"ada submits a fourth, and {victim.owner}'s computer dies in the middle of it"
        )
        dead = False

        def kill(task: dict[str, Any]) -> None:
            nonlocal dead
            if not dead and task["progress"] >= KILL_AT and task["status"] == "running":
                victim.kill()
                dead = True
                done = f"{task['counts']['done']} of {task['counts']['total']}"
                self.screen.lost(
                    f"{victim.owner}'s worker is killed (SIGKILL) after {done} subtasks; "
                    f"{heir} goes on alone"
                )

        (result,) = self._run([errand], kill)
        if not dead:
            raise Problem("the task was over before a worker could be killed.")
        self.screen.done(f"still right: {errand.check(result)}")

    def _run(
        self, all_errands: list[Errand], on_look: Callable[[dict[str, Any]], None] | None = None
    ) -> list[Any]:
        """Submit all, show their progress until they end, return their results.

        `on_look` gets the API's answer each time a task is looked at. Raises Problem if one fails.
        """
        ada = self.people[0]
        began = time.monotonic()
        titles: dict[str, str] = {}  # by the task's id
        for errand in all_errands:
            task_id = ada.submit(
                self.group, errand.kind, errand.title, params=errand.params, file=errand.file
            )
            titles[task_id] = errand.title
        tasks: dict[str, dict[str, Any]] = {}
        running = set(titles)
        with Board(self.screen, titles) as board:
            while running:
                for task_id in titles:
                    task = tasks[task_id] = ada.task(task_id)
                    board.update(task, time.monotonic() - began)
                    if on_look:
                        on_look(task)
                    if task["status"] in FINAL:
                        running.discard(task_id)
                self._check(time.monotonic() - began)
                time.sleep(LOOK_SECONDS)
        for errand, task_id in zip(all_errands, titles, strict=True):
            self._add_contributions(errand, tasks[task_id])
        return [ada.result(task_id) for task_id in titles]

    def _check(self, seconds: float) -> None:
        for computer in self.computers:
            computer.check()
        if seconds > TASK_SECONDS_MAX:
            raise Problem(f"the tasks are not done after {TASK_SECONDS_MAX:.0f} seconds.")

    def _add_contributions(self, errand: Errand, task: dict[str, Any]) -> None:
        if task["status"] != "succeeded":
            reason = task["error"]["message"] if task["error"] else "no reason is known"
            raise Problem(f"“{errand.title}” {task['status']}: {reason}.")
        counted = sum(one["subtasks"] for one in task["contributions"])
        errands.expect("the sum of all contributions", counted, task["counts"]["done"])
        self.contributions += [(errand.kind, one) for one in task["contributions"]]
