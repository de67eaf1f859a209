"""Check what else an owner did who was found wrong: in all tasks of the kind that still run."""

from __future__ import annotations

import structlog
from django.db.models import Q

from tasks import events, states
from tasks.models import Task
from tasks.queue import checks
from tasks.queue.keys import Id
from tasks.queue.scripts import run_all

AT_A_TIME = 100  # tasks
log = structlog.get_logger(__name__)


def recheck(task: Task, owner: Id) -> None:
    """Have this owner's latest unchecked results checked, of this task and of others like it.

    These are the running ones of its group, of the same kind and version. In each of them it is up
    to RECHECK_RESULTS_MAX results. Those who asked for no checks get none.
    """
    alike = Task.objects.filter(
        group=task.group_id, kind=task.kind, kind_version=task.kind_version
    ).order_by()
    concerned = alike.filter(Q(status=states.RUNNING) | Q(pk=task.pk))
    found = list(concerned.values_list("pk", flat=True))
    for first in range(0, len(found), AT_A_TIME):
        some = found[first : first + AT_A_TIME]
        calls = [checks.recheck(task.group_id, pk, owner) for pk in some]
        for pk, rechecked in zip(some, run_all(calls), strict=True):
            if not rechecked.parts:
                continue
            log.info("owner_rechecked", task=str(pk), owner=str(owner), parts=rechecked.parts)
            if rechecked.ended:  # otherwise the sweep asks when it has
                events.split(pk)
