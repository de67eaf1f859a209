"""Reads for pages: how lit a group is, and who works in it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from accounts.models import User
from firmlight_client import kinds
from groups import selectors as group_selectors
from tasks import consent, selectors, states
from tasks.models import Task, Worker
from tasks.queue import presence


@dataclass(frozen=True)
class Light:
    """Of a group: tasks that run, and workers that are here."""

    running: int
    online: int

    @property
    def state(self) -> str:
        """The lamp's: lit while something runs on somebody's machine, ready with machines but
        without work.
        """
        if not self.online:
            return "off"
        return "lit" if self.running else "ready"

    @property
    def words(self) -> str:
        return f"{self.running} running, {self.online} online"


def lights(groups: Sequence[UUID]) -> dict[UUID, Light]:
    """One query and three round trips to Redis, for as many groups as there are."""
    counted = (
        Task.objects.filter(group__in=groups, status=states.RUNNING).order_by().values_list("group")
    )
    running = dict(counted.annotate(Count("pk")))
    online = presence.present(groups, _kinds())
    return {
        group: Light(running.get(group, 0), len(here))
        for group, here in zip(groups, online, strict=True)
    }


def _kinds() -> list[str]:
    """All that a worker of this server can take."""
    return [f"{name}@{kind.version}" for name, kind in kinds.installed().items()]


def mine(user: User) -> list[Present]:
    """This user's workers by name, those that are away, too. Three round trips, and two for each
    group with one.
    """
    groups = list(group_selectors.groups_of(user))
    here = dict(
        zip(groups, presence.present([group.pk for group in groups], _kinds()), strict=True)
    )
    workers = {
        str(row.pk): row for row in Worker.objects.filter(owner=user).select_related("owner")
    }
    held: dict[str, list[str]] = {name: [] for name in workers}
    for group in (group for group in groups if here[group] & workers.keys()):
        for name, tasks in presence.at_work(group.pk).items():
            held.setdefault(name, []).extend(tasks)
    titles = _titles({task for name in workers for task in held[name]})
    owned = {str(group.pk): group.name for group in groups}
    present, resting = set().union(*here.values()), selectors.resting_in(groups)
    return [
        Present(
            row,
            busy=len(held[name]),
            runs=_named(held[name], titles),
            here=name in present or name in resting,
            resting=""
            if name in present
            else "; ".join(sorted(set(resting.get(name, {}).values()))),
            unfit=tuple(consent.names_unfit(row, owned)),
        )
        for name, row in workers.items()
    ]


TASKS_NAMED_MAX = 3


@dataclass(frozen=True)
class Present:
    """A worker that is here. `busy` counts its leases in this group, `runs` names their tasks,
    `resting` says why it takes nothing new of it now.
    """

    worker: Worker
    busy: int
    runs: str = ""
    here: bool = True
    resting: str = ""
    limits: tuple[str, ...] = ()  # what its owner does not agree to in this group, in words
    unfit: tuple[
        str, ...
    ] = ()  # what its rules call groups that its owner is not in; of its owner's eyes only

    @property
    def cells(self) -> list[bool]:
        """Whether each slot is lit."""
        return [slot < self.busy for slot in range(self.worker.slots)]

    @property
    def state(self) -> str:
        if self.busy:
            return "lit"
        return "ready" if self.here and not self.resting and not self.worker.suspended else "off"

    @property
    def word(self) -> str:
        """What it does, and what it does not do here."""
        if self.worker.suspended:
            return "suspended"
        if not self.here:
            return "away"
        if self.resting:
            return f"resting: {self.resting}"
        return ", ".join(["working" if self.busy else "ready", *self.limits])


def workers_here(group_id: UUID) -> list[Present]:
    """The group's workers that were heard of lately, by name; those that rest come last. Two
    queries at most.
    """
    (here,), (resting,) = presence.present([group_id], _kinds()), presence.resting([group_id])
    held, workers = (
        presence.at_work(group_id),
        Worker.objects.filter(pk__in=here | resting.keys()).select_related("owner"),
    )
    titles = _titles({task for tasks in held.values() for task in tasks})
    found = [
        Present(
            worker,
            busy=len(held.get(str(worker.pk), ())),
            runs=_named(held.get(str(worker.pk), ()), titles),
            resting=resting.get(str(worker.pk), ""),
            limits=tuple(consent.words(consent.of_worker(worker, str(group_id)))),
        )
        for worker in workers
    ]
    return sorted(found, key=lambda one: bool(one.resting))


def _titles(tasks: set[str]) -> dict[str, str]:
    """{task: its title}."""
    rows = Task.objects.filter(pk__in=tasks).values_list("pk", "title") if tasks else ()
    return {str(pk): title for pk, title in rows}


def _named(tasks: Sequence[str], titles: Mapping[str, str]) -> str:
    """The titles of these tasks, at most TASKS_NAMED_MAX of them."""
    runs = sorted({titles[task] for task in tasks if task in titles})
    more = [f"{len(runs) - TASKS_NAMED_MAX} more"] if len(runs) > TASKS_NAMED_MAX else []
    return ", ".join(runs[:TASKS_NAMED_MAX] + more)
