"""Whose each accepted result is; and a wrong one is taken out again and done anew."""

from __future__ import annotations

import hashlib

import pytest

from tasks.queue import lifecycle, parts, task_log
from tests.tasks.queue.conftest import Connection, Pool


@pytest.fixture
def liar(pool: Pool) -> Connection:
    return pool.connect("liar", owner="mallory")


def restore(pool: Pool, task: str) -> list[str]:
    payloads = dict.fromkeys(parts.to_redo(pool.group, task), b"\x02")
    return parts.restore(pool.group, task, payloads).now()


def retract(pool: Pool, task: str, *numbers: int) -> tuple[int, int]:
    found = parts.retract(pool.group, task, parts=numbers, message="no").now()
    return found.taken, found.subtasks


def test_each_part_says_whose_it_is_and_of_which_subtasks(pool: Pool, liar: Connection) -> None:
    task, honest = pool.task(9), pool.connect("honest")
    first = liar.lease()
    liar.complete(first, partial=b"\x05")
    pool.speed(task, "honest", 1000)
    rest = honest.lease()
    honest.complete(rest, rest.subtasks[1:3])
    honest.complete(rest, [rest.subtasks[0], *rest.subtasks[3:]])
    honest.work_off()
    one, two, three, *_ = pool.outcome(task).parts
    assert (one.owner, one.worker, one.lease) == ("mallory", "liar", first.lease)
    assert one.digest == hashlib.sha256(b"\x05").hexdigest()
    assert abs(one.at / 1000 - pool.redis.time()[0]) < 60
    assert [one.subtasks, two.subtasks] == [first.subtasks, rest.subtasks[1:3]]
    assert three.subtasks == [rest.subtasks[0], *rest.subtasks[3:]]
    assert two.runs == [rest.subtasks[1], 2], "neighbours are one run"


def test_what_is_taken_out_counts_no_more(pool: Pool, liar: Connection) -> None:
    task = pool.task(3)
    while granted := liar.ask().granted:
        liar.complete(granted)
    wrong = len(pool.outcome(task).parts[0].subtasks)
    assert retract(pool, task, 0) == (1, wrong)
    progress = pool.progress(task)
    assert (progress.done, progress.open, progress.redo) == (3 - wrong, wrong, wrong)
    assert not progress.complete
    assert progress.work["liar"].subtasks == 3 - wrong
    assert task_log.log(pool.group, task)[-1].what == "taken_out"


def test_it_is_taken_out_once(pool: Pool, liar: Connection) -> None:
    task = pool.task(1)
    liar.complete(liar.lease())
    assert retract(pool, task, 0, 0) == (1, 1)
    assert retract(pool, task, 0) == (0, 0)
    assert retract(pool, task, 7) == (0, 0), "there is no such part"
    assert retract(pool, "no such task", 0) == (0, 0)


def test_with_its_payload_it_waits_for_others(pool: Pool, liar: Connection) -> None:
    task, honest = pool.task(1), pool.connect("honest")
    liar.complete(liar.lease())
    retract(pool, task, 0)
    assert honest.ask().granted is None, "its payload is not there yet"
    assert honest.name in restore(pool, task)
    assert liar.ask().granted is None, "it is set aside"
    again = honest.lease()
    assert again.payloads == [b"\x02"]
    assert honest.complete(again, partial=b"\x07").complete
    assert pool.outcome(task).partials == [b"", b"\x07"]


def test_restoring_twice_makes_it_wait_once(pool: Pool, liar: Connection) -> None:
    task, honest = pool.task(1), pool.connect("honest")
    liar.complete(liar.lease())
    retract(pool, task, 0)
    for _ in range(2):
        parts.restore(pool.group, task, {0: b"\x02"}).now()
    honest.lease()
    assert honest.ask().granted is None


def test_a_decision_falls_with_the_part_that_made_it(pool: Pool, liar: Connection) -> None:
    task = pool.task(5)
    assert liar.complete(liar.lease(), decided=True).complete
    retract(pool, task, 0)
    assert not pool.outcome(task).decided
    assert pool.connect("honest").ask().granted


def test_before_the_split_has_ended_only_a_kind_that_proves_decides(
    pool: Pool, liar: Connection
) -> None:
    pool.task(5, last=False)
    assert not liar.complete(liar.lease(), decided=True).complete
    assert liar.complete(liar.lease(), decided=True, proves=True).complete


def test_of_a_closed_task_no_part_stays(pool: Pool, liar: Connection) -> None:
    task = pool.task(2)
    liar.complete(liar.lease())
    retract(pool, task, 0)
    lifecycle.close(pool.group, task).now()
    left = pool.keys()
    assert not [key for key in left if ":t:" in key]


def test_the_parts_are_listed_with_what_became_of_them(pool: Pool, liar: Connection) -> None:
    task, honest = pool.task(8), pool.connect("honest")
    leases = [liar.lease(), honest.lease(), liar.lease()]
    for holder, granted in zip((liar, honest, liar), leases, strict=True):
        holder.complete(granted)
    retract(pool, task, 0)
    rows = parts.listed(pool.group, task, most=10).now()
    assert [(row.number, row.state) for row in rows] == [
        (0, "taken_out"),
        (1, "counts"),
        (2, "counts"),
    ]
    found = [(row.part.owner, row.part.subtasks) for row in rows if row.part]
    assert found[1:] == [("owner-of-honest", leases[1].subtasks), ("mallory", leases[2].subtasks)]
    latest = parts.listed(pool.group, task, most=1).now()
    assert [row.number for row in latest] == [0, 2], "and what was taken out before"
    assert parts.listed(pool.group, "no such task", most=10).now() == []


def test_all_that_one_owner_did_is_taken_out_at_once(pool: Pool, liar: Connection) -> None:
    task, honest = pool.task(8), pool.connect("honest")
    leases = [liar.lease(), honest.lease(), liar.lease()]
    for holder, granted in zip((liar, honest, liar), leases, strict=True):
        holder.complete(granted)
    found = parts.retract(pool.group, task, owner="mallory", message="By hand. " * 100).now()
    subtasks = [subtask for granted in leases[::2] for subtask in granted.subtasks]
    assert (found.taken, found.subtasks) == (2, len(subtasks))
    assert parts.to_redo(pool.group, task) == set(subtasks)
    work = pool.progress(task).work["liar"]
    assert (work.subtasks, work.taken_out) == (0, len(subtasks))
    entry = task_log.log(pool.group, task)[-1]
    assert entry.detail.startswith("2 By hand. By hand.")
    assert len(entry.detail) <= parts.LOGGED_WHY_CHARS + 2
