"""What the state machine checks after every step: Redis, read in one go, against the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis

from tasks.queue.keys import base_key
from tasks.queue.progress import Progress, progress_of
from tests.tasks.queue.model import Model
from tests.tasks.queue.model_state import LEASE_SUBTASKS_MAX, Demand, Lease, Task


@dataclass
class SeenChecks:
    """By the numbers of parts."""

    lacking: set[int]
    canaries: set[int]
    canary_payloads: set[int]  # subtasks
    canaries_out: set[int]
    waiting: list[int]
    unsettled: set[int]
    ready: set[int]
    confirmed: set[int]
    leases: set[str]
    kept: set[int]  # subtasks
    checked: int  # subtasks
    own_checked: int  # subtasks
    bytes: int  # of partials and answers, as they are counted
    partials: int  # bytes of partials and answers, as they are


@dataclass
class Seen:
    progress: dict[str, Progress] = field(default_factory=dict)
    open: dict[str, set[int]] = field(default_factory=dict)
    # in :wait or :again, also what is done meanwhile
    queued: dict[str, list[int]] = field(default_factory=dict)
    partials: dict[str, list[list[int]]] = field(default_factory=dict)
    holds: dict[str, dict[str, int]] = field(default_factory=dict)
    leases: dict[str, Mapping[bytes, bytes]] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    idle: list[str] = field(default_factory=list)
    checks: dict[str, SeenChecks] = field(default_factory=dict)
    checking: set[str] = field(default_factory=set)  # tasks in the index of those with checks
    served: dict[str, float] = field(default_factory=dict)
    serving: set[str] = field(default_factory=set)


def look(client: redis.Redis, group: str, model: Model) -> Seen:
    """Read all of a group's state that the model knows of."""
    base, seen = base_key(group), Seen()
    kinds = sorted(set().union(*model.kinds.values()))
    pipe = client.pipeline()
    for task in model.tasks:
        pipe.hkeys(f"{base}:t:{task}:payloads")
        pipe.hkeys(f"{base}:t:{task}:held")
        for part in ("wait", "again", "partials"):
            pipe.lrange(f"{base}:t:{task}:{part}", 0, -1)
        pipe.hgetall(f"{base}:t:{task}:holds")
        pipe.lrange(f"{base}:t:{task}:checks", 0, -1)
        pipe.hkeys(f"{base}:t:{task}:check_state")
        for part in ("ready", "confirmed", "check_leases", "lacking"):
            pipe.smembers(f"{base}:t:{task}:{part}")
        for part in ("kept", "canaries", "canary_payloads"):
            pipe.hkeys(f"{base}:t:{task}:{part}")
        pipe.smembers(f"{base}:t:{task}:canaries_out")
        pipe.hmget(f"{base}:t:{task}", "checked", "same_owner", "partial_bytes")
        pipe.hvals(f"{base}:t:{task}:answers")
        pipe.lrange(f"{base}:t:{task}:partials", 0, -1)
    for lease in model.leases:
        pipe.hgetall(f"{base}:l:{lease}")
    for name in (
        "leases",
        "serving",
        *(f"idle:{kind}" for kind in kinds),
        *(f"checking:{kind}" for kind in kinds),
    ):
        pipe.zrange(f"{base}:{name}", 0, -1)
    pipe.zrange(f"{base}:served", 0, -1, withscores=True)
    replies = iter(pipe.execute())
    for task in model.tasks:
        _read_task(seen, task, [next(replies) for _ in range(6)])
        seen.checks[task] = _read_checks([next(replies) for _ in range(13)])
        progress = progress_of(group, task).now()
        assert progress
        seen.progress[task] = progress
    seen.leases = {lease: next(replies) for lease in model.leases}
    seen.active, seen.serving = _texts(next(replies)), _texts(next(replies))
    *rows, served = replies
    idle, checking = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    seen.checking = {name for row in checking for name in _texts(row)}
    seen.idle = [name for row in idle for name in _texts(row)]
    seen.served = {creator.decode(): score for creator, score in served}
    return seen


def _read_task(seen: Seen, task: str, replies: list[Any]) -> None:
    payloads, held, wait, again, partials, holds = replies
    assert set(held) <= set(payloads)  # nothing is kept of what has ended
    seen.open[task] = {int(subtask) for subtask in payloads}
    seen.queued[task] = [int(subtask) for subtask in again + wait]
    seen.holds[task] = {owner.decode(): int(number) for owner, number in holds.items()}
    seen.partials[task] = [msgspec.msgpack.decode(partial or b"\x90") for partial in partials]


def _read_checks(replies: list[Any]) -> SeenChecks:
    waiting, unsettled, ready, confirmed, leases, lacking, kept, *rest = replies
    canaries, canary_payloads, canaries_out, counts, answers, partials = rest
    return SeenChecks(
        canaries=set(map(int, canaries)),
        canary_payloads=set(map(int, canary_payloads)),
        canaries_out=set(map(int, canaries_out)),
        lacking=set(map(int, lacking)),
        waiting=sorted(map(int, waiting)),
        unsettled=set(map(int, unsettled)),
        ready=set(map(int, ready)),
        confirmed=set(map(int, confirmed)),
        leases=_texts(leases),
        kept=set(map(int, kept)),
        checked=int(counts[0] or 0),
        own_checked=int(counts[1] or 0),
        bytes=int(counts[2] or 0),
        partials=sum(map(len, answers)) + sum(map(len, partials)),
    )


def _texts(names: list[bytes]) -> set[str]:
    return {name.decode() for name in names}


def check_choice(
    task: Task, choices: list[Task], owner: str, served: Mapping[str, float] | None
) -> None:
    """Check which task was leased.

    `choices`: the tasks of the first band with anything for this worker. `served`: as it was before
    the call, if known.
    """
    assert task in choices
    own = [other for other in choices if other.creator == owner]
    assert task in (own or choices)
    if not own and served:
        assert served[task.creator] == min(served[other.creator] for other in choices)
    alike = [other for other in choices if (other.creator, other.kind) == (task.creator, task.kind)]
    assert task.order == min(other.order for other in alike)


def check_run(
    model: Model, task: Task, worker: str, subtasks: list[int], demand: Demand | None
) -> None:
    """Check what was leased of the task. `demand`: before the call, if known."""
    assert demand is None or len(subtasks) <= model.allowance(task, worker, demand)
    assert set(subtasks) <= model.leasable(task, worker), (
        subtasks,
        worker,
        model.leasable(task, worker),
        task,
        model.online,
        model.leases,
    )
    assert 1 <= len(subtasks) == len(set(subtasks)) <= LEASE_SUBTASKS_MAX
    if any(task.goes_alone(subtask) for subtask in subtasks) or worker not in task.known_workers:
        assert len(subtasks) == 1


def check_copy(model: Model, task: Task, worker: str, subtasks: list[int]) -> None:
    """Nothing of the task waited for this worker, so these were leased a second time."""
    assert set(subtasks) <= model.copyable(task, worker)
    assert 1 <= len(subtasks) == len(set(subtasks))


def check_tasks(model: Model, seen: Seen) -> None:
    for task in model.tasks.values():
        progress = seen.progress[task.name]
        assert len(task.done) == len(set(task.done))
        assert progress.done + progress.failed + progress.open == progress.split == task.split
        assert (progress.done, progress.failed) == (len(task.done), len(task.failed))
        assert progress.leased == len(task.held)
        assert progress.complete == task.complete
        for owner in set(model.owners.values()):
            holds = seen.holds[task.name]
            assert holds.get(owner, 0) == model.held_by(task, owner)
            assert holds.get(f"{owner}:done", 0) == task.done_by[owner]
        lost = {worker: work.lost for worker, work in progress.work.items() if work.lost}
        assert lost == task.lost
        _check_lists(task, seen)
        _check_checks(model, task, seen)


def _check_lists(task: Task, seen: Seen) -> None:
    assert seen.open[task.name] == task.open
    queued = [subtask for subtask in seen.queued[task.name] if subtask in task.open]
    # each exactly once; those done meanwhile were filtered out
    assert sorted(queued) == sorted(task.waiting)
    assert seen.partials[task.name] == task.partials
    combined = [subtask for partial in task.partials for subtask in partial]
    assert len(combined) == len(set(combined)), "nothing is counted twice"
    assert len(task.done) == len(set(task.done))
    assert set(combined) == set(task.done) or task.broken


def _check_checks(model: Model, task: Task, seen: Seen) -> None:
    found, known = seen.checks[task.name], task.checks
    assert found.unsettled == known.keys()
    waiting = sorted(number for number, check in known.items() if check.waits)
    assert found.waiting == waiting
    assert found.ready == {number for number, check in known.items() if check.ready}
    assert found.confirmed == task.confirmed
    assert found.checked == sum(len(task.partials[number]) for number in task.confirmed)
    assert found.canaries == task.canaries.keys()
    known_parts = [task.partials[number] for number in task.canaries]
    assert found.canary_payloads == {subtask for part in known_parts for subtask in part}
    canaries = {number for number, check in known.items() if check.canary}
    assert found.canaries_out == {number for number in canaries if not known[number].ready}
    assert found.own_checked == sum(len(task.partials[number]) for number in task.own_checks)
    leases = [le for le in model.leases.values() if le.task is task and le.check is not None]
    assert found.leases == {lease.name for lease in leases}
    assert len({lease.check for lease in leases}) == len(leases), "one at a time"
    assert found.lacking == {number for number, check in known.items() if check.lacking}
    with_payloads = [check.part for check in known.values() if check.kept]
    assert found.kept == {subtask for part in with_payloads for subtask in part}
    assert not found.kept & (task.open | task.redo), "what is checked is done"
    assert found.bytes == found.partials, "what is kept is counted"
    is_listed = bool(waiting) and not (task.paused or task.broken)
    assert (task.name in seen.checking) == is_listed


def check_leases(model: Model, seen: Seen) -> None:
    active = [lease for lease in model.leases.values() if lease.active]
    assert seen.active == {lease.name for lease in active}
    for task in model.tasks.values():
        assert task.held == {
            subtask for lease in model.working() if lease.task is task for subtask in lease.owes
        }
    for lease in model.leases.values():
        record = seen.leases[lease.name]
        found = [record[name].decode() for name in (b"worker", b"conn", b"task", b"active")]
        assert found == [lease.worker, lease.conn, lease.task.name, str(int(lease.active))]
        assert msgspec.msgpack.decode(record[b"subtasks"]) == lease.owes


def check_served(
    model: Model,
    seen: Seen,
    credited: Mapping[str, float],
    before: Mapping[str, float],
    steady: set[str],
) -> dict[str, float]:
    """Returns {creator: core-seconds that nothing accounts for}, `before` at the next call.

    `credited`: charged to creators, by tasks that are closed. `steady`: those that were served all
    the time since.
    """
    drift: dict[str, float] = {}
    for creator, served in seen.served.items():
        drift[creator] = served - credited.get(creator, 0.0) - _charged(model, seen, creator)
        moved = drift[creator] - before.get(creator, 0.0)
        assert moved > -1e-6
        assert moved < 1e-6 or creator not in steady
    return drift


def _charged(model: Model, seen: Seen, creator: str) -> float:
    """Charged for results of the creator's tasks, and estimated for what leases still owe."""

    def estimate(lease: Lease) -> float:
        return float(seen.leases[lease.name][b"charge"]) * len(lease.owes) if lease.active else 0.0

    charged = sum(task.charged for task in model.tasks.values() if task.creator == creator)
    return charged + sum(
        estimate(lease) for lease in model.leases.values() if lease.task.creator == creator
    )
