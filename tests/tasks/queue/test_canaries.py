"""Now and then a worker computes what is known, and cannot tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from tasks.queue import checks, leasing, lifecycle, parts
from tasks.queue.answers import Granted
from tests.tasks.queue.conftest import Connection, Pool


@pytest.fixture(autouse=True)
def small_leases(settings: Settings) -> None:
    settings.LEASE_SUBTASKS_MAX = 3


@pytest.fixture
def task(pool: Pool, ann: Connection, ben: Connection) -> str:
    """99 subtasks; Ann did the first, and Ben confirmed it."""
    task = pool.task(99, payload=b"\x05", verify="sample")
    ann.complete(ann.lease(), partial=b"\x07", chance=0)
    ben.complete(ben.lease(), partial=b"\x07")
    (check,) = ready(pool, task)
    checks.settle(pool.group, task, check=check, how=checks.CONFIRMED, checkers=["ben"]).now()
    return task


def ready(pool: Pool, task: str) -> list[checks.Check]:
    return checks.unsettled(pool.group, task, most=99, bytes_max=10**6).now()


def canary(conn: Connection) -> Granted:
    granted = conn.ask(canary=True).granted
    assert granted
    return granted


def test_it_looks_like_any_other_lease_and_counts_for_nothing(
    pool: Pool, task: str, cy: Connection
) -> None:
    before, served = pool.progress(task), pool.served("alice")
    granted = canary(cy)
    assert (granted.subtasks, granted.payloads) == ([0], [b"\x05"])
    ordinary = pool.connect("dees", owner="dee").lease()
    assert (granted.task, granted.kind, granted.max_ms) == (task, ordinary.kind, ordinary.max_ms)
    assert pool.stands(task) == (0, 0, 0), "nobody waits for it"
    settled = cy.complete(granted, partial=b"\x08")
    assert (settled.reason, settled.is_check, settled.compare) == ("", True, True)
    (check,) = ready(pool, task)
    assert (check.canary, check.partial, check.answers) == (True, b"\x07", [b"\x08"])
    after = pool.progress(task)
    assert (after.done, after.open, after.leased) == (before.done, before.open, 1)
    assert pool.served("alice") - served < 1, "only the ordinary lease is charged"


def test_who_has_computed_it_does_not_get_it_and_nobody_gets_it_twice(
    pool: Pool, task: str, ann: Connection, ben: Connection, cy: Connection
) -> None:
    assert canary(ann).subtasks != [0]
    assert canary(ben).subtasks != [0]
    cy.complete(canary(cy))
    (check,) = ready(pool, task)
    assert checks.settle(pool.group, task, check=check, how=checks.CANARY).now().settled
    assert canary(cy).subtasks != [0]
    assert canary(pool.connect("dees", owner="dee")).subtasks == [0]


def test_it_is_drawn_and_never_more_often_than_the_setting_says(
    pool: Pool, task: str, cy: Connection, settings: Settings
) -> None:
    settings.CANARY_SHARE_MAX = 0
    who = {"worker": "cys", "owner": "cy", "conn": cy.name}
    granted = leasing.lease(pool.group, **who, kinds=cy.kinds).now().granted
    assert granted
    assert granted.subtasks != [0]
    settings.CANARY_SHARE_MAX = 1
    granted = leasing.lease(pool.group, **who, kinds=cy.kinds).now().granted
    assert granted
    assert granted.subtasks == [0]


def test_asked_for_twice_it_is_the_same(pool: Pool, task: str, cy: Connection) -> None:
    who = {"worker": "cys", "owner": "cy", "conn": cy.name}
    call = leasing.lease(pool.group, **who, kinds=cy.kinds, canary=True)
    once, twice = call.now().granted, call.now().granted
    assert once
    assert once == twice
    assert once.payloads == [b"\x05"]


def test_it_is_no_larger_than_what_the_worker_would_get(
    pool: Pool, ann: Connection, ben: Connection, cy: Connection
) -> None:
    task = pool.task(99, verify="sample")
    ann.complete(ann.lease(), chance=0.9)
    pool.speed(task, "anns", 1000)
    granted = ann.lease()
    assert len(granted.subtasks) > 1
    ann.complete(granted, chance=0)
    ben.complete(ben.lease())
    (check,) = ready(pool, task)
    checks.settle(pool.group, task, check=check, how=checks.CONFIRMED, checkers=["ben"]).now()
    assert canary(cy).subtasks != granted.subtasks


ENDS: dict[str, Callable[[Pool, Connection, Granted, str], object]] = {
    "failed": lambda pool, conn, granted, task: conn.fail(granted),
    "lost": lambda pool, conn, granted, task: conn.leave(),
    "released": lambda pool, conn, granted, task: conn.release(granted),
    "rejected": lambda pool, conn, granted, task: conn.reject(granted),
    "paused": lambda pool, conn, granted, task: lifecycle.pause(pool.group, task).now(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_one_that_comes_to_nothing_is_over(
    pool: Pool,
    task: str,
    cy: Connection,
    end: Callable[[Pool, Connection, Granted, str], object],
) -> None:
    granted = canary(cy)
    end(pool, cy, granted, task)
    assert pool.stands(task) == (0, 0, 0)
    assert checks.unsettled(pool.group, task, most=9, bytes_max=10**6, every=True).now() == []
    assert cy.complete(granted).reason == "unknown_lease"
    assert pool.progress(task).failed == 0


def test_a_part_that_is_taken_out_is_known_no_more(pool: Pool, task: str, cy: Connection) -> None:
    granted = canary(cy)
    parts.retract(pool.group, task, parts=[0], message="no").now()
    assert cy.complete(granted).reason == "unknown_lease"
    assert canary(pool.connect("dees", owner="dee")).subtasks != [0]
    assert not pool.redis.exists(pool.key("t", task, "canary_payloads"))


def test_whoever_was_wrong_loses_what_they_did(pool: Pool, task: str, cy: Connection) -> None:
    cy.complete(cy.lease(), chance=0.9)
    cy.complete(canary(cy), partial=b"\x08")
    (check,) = ready(pool, task)
    call = checks.settle(pool.group, task, check=check, how=checks.CANARY, wrong=["cy"])
    settled = call.now()
    assert (settled.settled, settled.subtasks, settled.caught) == (True, 1, ["cy"])
    found = checks.standing_of(pool.group, task).now()
    assert found
    assert (found.checked, found.wrong, found.open) == (1, 1, 0), "the known part stands"


def test_if_the_answer_differs_what_was_known_is_checked_anew(
    pool: Pool, task: str, ann: Connection, ben: Connection, cy: Connection
) -> None:
    cy.complete(canary(cy), partial=b"\x08")
    (check,) = ready(pool, task)
    call = checks.settle(pool.group, task, check=check, how=checks.DOUBTED)
    settled = call.now()
    assert (settled.settled, settled.subtasks, settled.lacking) == (True, 0, False)
    assert not call.now().settled
    assert pool.stands(task) == (1, 0, 0)
    found = checks.standing_of(pool.group, task).now()
    assert found
    assert (found.checked, found.wrong) == (0, 0), "neither is believed"
    again = ben.lease()  # who had confirmed it, too
    assert (again.subtasks, again.payloads) == ([0], [b"\x05"])
    ben.complete(again, partial=b"\x07")
    (check,) = ready(pool, task)
    assert (check.canary, check.answers) == (False, [b"\x08", b"\x07"])
    assert not pool.redis.exists(pool.key("t", task, "canary_payloads"))


def test_of_a_closed_task_nothing_stays(pool: Pool, task: str, cy: Connection) -> None:
    granted = canary(cy)
    assert (cy.name, granted.lease) in lifecycle.close(pool.group, task).now().held
    left = pool.keys()
    assert not [key for key in left if ":t:" in key or ":l:" in key]
