"""`python -m benchmarks.sweep`: seconds to requeue 100,000 leased subtasks whose workers are gone,
a line a round.

Run with the environment of a system; it uses that one's Redis.
"""

from __future__ import annotations

import time
from uuid import uuid4

import django

SUBTASKS, LEASE, ROUNDS = 100_000, 5000, 5


def requeue_all() -> float:
    from core import redis
    from tasks.queue import leasing, lifecycle, splitting, sweeping
    from tasks.queue.keys import base_key
    from tasks.queue.progress import progress_of

    group, task, worker = str(uuid4()), str(uuid4()), str(uuid4())
    splitting.open_task(
        group,
        task,
        kind="ECHO@1",
        creator="nobody",
        priority="normal",
        seconds_max=60,
        allow_partial=False,
        order=1,
    ).now()
    for first in range(0, SUBTASKS, LEASE):
        splitting.push(
            group, task, first=first, payloads=[b"\x01"] * LEASE, last=first + LEASE == SUBTASKS
        ).now()
    base = base_key(group)
    redis.connect().hset(f"{base}:t:{task}:work", f"{worker}:speed", 1e6)
    names = []
    while (
        granted := leasing.lease(group, worker=worker, owner=worker, conn="gone", kinds=["ECHO@1"])
        .now()
        .granted
    ):
        names.append(granted.lease)
    redis.connect().zadd(f"{base}:leases", dict.fromkeys(names, 1))
    began = time.perf_counter()
    while sweeping.reap(group).now().more:
        pass
    seconds = time.perf_counter() - began
    progress = progress_of(group, task).now()
    assert progress and progress.waiting == SUBTASKS
    lifecycle.close(group, task).now()
    return seconds


def main() -> None:
    django.setup()
    for _ in range(ROUNDS):
        print(requeue_all(), flush=True)


if __name__ == "__main__":
    main()
