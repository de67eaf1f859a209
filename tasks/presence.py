"""Reads for pages: how lit a group is, and who works in it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from firmlight_client import kinds
from tasks import queue, states
from tasks.models import Task, Worker


@dataclass(frozen=True)
class Light:
    """Of a group: tasks that run, and workers that are here."""

    running: int
    online: int

    @property
    def state(self) -> str:
        """The lamp's: lit while something runs on somebody's machine, ready with machines but without work."""
        if not self.online:
            return "off"
        return "lit" if self.running else "ready"

    @property
    def words(self) -> str:
        return f"{self.running} running, {self.online} online"


def lights(groups: Sequence[UUID]) -> dict[UUID, Light]:
    """One query and three round trips to Redis, for as many groups as there are."""
    counted = Task.objects.filter(group__in=groups, status=states.RUNNING).order_by().values_list("group")
    running = dict(counted.annotate(Count("pk")))
    online = queue.present(groups, _kinds())
    return {group: Light(running.get(group, 0), len(here)) for group, here in zip(groups, online, strict=True)}


def _kinds() -> list[str]:
    """All that a worker of this server can take."""
    return [f"{name}@{kind.version}" for name, kind in kinds.installed().items()]


@dataclass(frozen=True)
class Present:
    """A worker that is here. `busy` counts its leases in this group."""

    worker: Worker
    busy: int

    @property
    def state(self) -> str:
        return "lit" if self.busy else "ready"

    @property
    def word(self) -> str:
        return "working" if self.busy else "ready"


def workers_here(group_id: UUID) -> list[Present]:
    """The group's workers that were heard of lately, by name. One query."""
    (here,), busy = queue.present([group_id], _kinds()), queue.at_work(group_id)
    workers = Worker.objects.filter(pk__in=here).select_related("owner")
    return [Present(worker, busy[str(worker.pk)]) for worker in workers]
