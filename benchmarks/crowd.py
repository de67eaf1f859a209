"""`python -m benchmarks.crowd TASK N`: let N workers of as many members each do one lease of a
running ECHO task.

Run with the environment of a system: it takes part through that one's own queue, without sockets.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import django
import msgspec


def contribute(task_id: str, workers: int) -> None:
    from accounts.models import User
    from tasks.models import Task, Worker

    task = Task.objects.get(pk=task_id)
    while not Task.objects.filter(pk=task_id, status="running").exists():
        time.sleep(0.1)
    names = [(f"member-{i}", f"member-{i}@example.org") for i in range(workers)]
    users = [User(username=name, username_key=name, email=email) for name, email in names]
    User.objects.bulk_create(users)
    made = [Worker(owner=user, name=f"desk {i}") for i, user in enumerate(users)]
    Worker.objects.bulk_create(made)
    for worker in made:
        _work(task, worker)


def _work(task: Any, worker: Any) -> None:
    from tasks.queue import leasing

    facts = {"worker": worker.pk, "owner": worker.owner_id, "conn": f"conn-{worker.pk}"}
    granted = leasing.lease(task.group_id, kinds=["ECHO@1"], **facts).now().granted
    if granted is None:
        raise SystemExit("there was nothing left to lease")
    done = granted.subtasks
    partial = msgspec.msgpack.encode([len(done), sum(done), []])
    settled = leasing.complete(
        granted.lease, worker=worker.pk, subtasks=done, partial=partial, seconds=0.5
    ).now()
    if settled.reason:
        raise SystemExit(f"refused: {settled.reason}")


def main() -> None:
    django.setup()
    contribute(sys.argv[1], int(sys.argv[2]))


if __name__ == "__main__":
    main()
