"""Which workers are here, and what they work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from accounts.models import User
from firmlight_client import kinds
from groups import selectors as group_selectors
from groups.models import Group
from tasks import consent, kind_keys, states
from tasks.models import Task, Worker
from tasks.queue import presence

TASKS_NAMED_MAX = 3


@dataclass(frozen=True)
class Light:
    """How many tasks of a group run, and how many workers are here."""

    running: int
    online: int

    @property
    def state(self) -> str:
        """The lamp's state: lit while something runs, ready with workers but without work."""
        if not self.online:
            return "off"
        return "lit" if self.running else "ready"

    @property
    def words(self) -> str:
        return f"{self.running} running, {self.online} online"


@dataclass(frozen=True)
class Present:
    """A worker as a list of workers shows it.

    `busy` counts the leases that it holds, `runs` names their tasks, `resting` says why it takes
    nothing new.
    """

    worker: Worker
    busy: int
    runs: str = ""
    here: bool = True
    resting: str = ""
    # What its owner does not agree to in this group, in words.
    limits: tuple[str, ...] = ()
    # What its rules call groups that its owner is not in. For its owner only.
    unfit: tuple[str, ...] = ()

    @property
    def cells(self) -> list[bool]:
        """Whether each slot is lit."""
        return [slot < self.busy for slot in range(self.worker.slots)]

    @property
    def state(self) -> str:
        if self.busy:
            return "lit"
        takes_work = self.here and not self.resting and not self.worker.suspended
        return "ready" if takes_work else "off"

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


def lights(groups: Sequence[UUID]) -> dict[UUID, Light]:
    """How lit each of these groups is; one query and three round trips to Redis for all."""
    counted = (
        Task.objects.filter(group__in=groups, status=states.RUNNING).order_by().values_list("group")
    )
    running = dict(counted.annotate(Count("pk")))
    online = presence.present(groups, _kinds())
    return {
        group: Light(running.get(group, 0), len(here))
        for group, here in zip(groups, online, strict=True)
    }


def workers_of(user: User) -> list[Present]:
    """This user's workers by name, also those that are away.

    Three round trips to Redis, and two for each group that has one of them.
    """
    groups = list(group_selectors.groups_of(user))
    here_by_group = presence.present([group.pk for group in groups], _kinds())
    resting = resting_in(groups)
    rows = Worker.objects.filter(owner=user).select_related("owner")
    workers = {str(row.pk): row for row in rows}
    at_work_in = [
        group.pk for group, here in zip(groups, here_by_group, strict=True) if here & workers.keys()
    ]
    held = _tasks_held(at_work_in)
    titles = _titles({task for name in workers for task in held.get(name, ())})
    owned = {str(group.pk): group.name for group in groups}
    takes_work: set[str] = set().union(*here_by_group)
    found = []
    for name, row in workers.items():
        tasks = held.get(name, [])
        reasons = {} if name in takes_work else resting.get(name, {})
        present = Present(
            row,
            busy=len(tasks),
            runs=_named(tasks, titles),
            here=name in takes_work or name in resting,
            resting="; ".join(sorted(set(reasons.values()))),
            unfit=tuple(consent.names_unfit(row, owned)),
        )
        found.append(present)
    return found


def _tasks_held(groups: Sequence[UUID]) -> dict[str, list[str]]:
    """{worker: the task of each lease that it holds now} of these groups."""
    found: dict[str, list[str]] = {}
    for group in groups:
        for worker, tasks in presence.at_work(group).items():
            found.setdefault(worker, []).extend(tasks)
    return found


def workers_here(group_id: UUID) -> list[Present]:
    """The group's workers that were heard of lately, by name; those that rest come last.

    Two queries at most.
    """
    (here,) = presence.present([group_id], _kinds())
    (resting,) = presence.resting([group_id])
    held = presence.at_work(group_id)
    workers = Worker.objects.filter(pk__in=here | resting.keys()).select_related("owner")
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


def heard_of(group: UUID, kind_key: str) -> set[str]:
    """The ids of the group's workers that take this kind and were heard of lately, or rest."""
    (here,) = presence.present([group], [kind_key])
    (resting,) = presence.resting([group])
    return here | resting.keys()


def resting_in(groups: Sequence[Group]) -> dict[str, dict[str, str]]:
    """{worker: {name of a group: why it takes nothing of it now}}."""
    found: dict[str, dict[str, str]] = {}
    for group, resting in zip(
        groups, presence.resting([group.pk for group in groups]), strict=True
    ):
        for worker, why in resting.items():
            found.setdefault(worker, {})[group.name] = why
    return found


def _kinds() -> list[str]:
    """All kinds that a worker of this server can take."""
    return [kind_keys.key_of(name, kind.version) for name, kind in kinds.installed().items()]


def _titles(tasks: set[str]) -> dict[str, str]:
    """{task: its title}."""
    rows = Task.objects.filter(pk__in=tasks).values_list("pk", "title") if tasks else ()
    return {str(pk): title for pk, title in rows}


def _named(tasks: Sequence[str], titles: Mapping[str, str]) -> str:
    """The titles of these tasks, at most TASKS_NAMED_MAX of them."""
    runs = sorted({titles[task] for task in tasks if task in titles})
    more = [f"{len(runs) - TASKS_NAMED_MAX} more"] if len(runs) > TASKS_NAMED_MAX else []
    return ", ".join(runs[:TASKS_NAMED_MAX] + more)
