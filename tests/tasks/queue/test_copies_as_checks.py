"""Of a subtask that two owners' workers have at the end of a task, both results are compared."""

from __future__ import annotations

from tasks.queue import checks, leasing, parts
from tasks.queue.answers import Granted
from tests.tasks.queue.conftest import Connection, Pool

TRUSTED = 0.9  # the draw says that nobody is to check it


def both(pool: Pool, task: str, ann: Connection, ben: Connection) -> tuple[Granted, Granted]:
    """Ann has the last subtask and is late, and Ben has it a second time."""
    held = ann.lease()
    pool.began(held, 60)
    copy = ben.lease()
    assert copy.subtasks == held.subtasks
    return held, copy


def unsettled(pool: Pool, task: str) -> list[checks.Check]:
    return checks.unsettled(pool.group, task, most=99, bytes_max=10**6).now()


def test_what_comes_second_is_compared_although_nobody_was_to_check_it(
    pool: Pool, ann: Connection, ben: Connection
) -> None:
    task = pool.task(1, verify="sample")
    held, copy = both(pool, task, ann, ben)
    first = ben.complete(copy, partial=b"\x07", chance=TRUSTED)
    assert first.complete
    assert first.unwanted == [(ann.name, held.lease)], "it may stop"
    second = ann.complete(held, partial=b"\x08", chance=TRUSTED)
    assert (second.reason, second.is_check, second.compare) == ("", True, True)
    (check,) = unsettled(pool, task)
    assert (check.part.owner, check.partial) == ("ben", b"\x07")
    assert (check.pieces[0].owner, check.answers) == ("ann", [b"\x08"])
    assert pool.progress(task).done == 1
    assert ann.complete(held).reason == "unknown_lease", "once"


def test_if_the_two_differ_a_third_owner_is_asked_with_the_payload_made_anew(
    pool: Pool, ann: Connection, ben: Connection
) -> None:
    task = pool.task(1, verify="sample", payload=b"\x05")
    held, copy = both(pool, task, ann, ben)
    ben.complete(copy, partial=b"\x07", chance=TRUSTED)
    ann.complete(held, partial=b"\x08", chance=TRUSTED)
    (check,) = unsettled(pool, task)
    again = checks.settle(pool.group, task, check=check, how=checks.AGAIN).now()
    assert again.lacking
    assert checks.lacking_payloads(pool.group, task) == {0: {0}}
    checks.keep_payloads(pool.group, task, [(0, {0: b"\x05"}, True)]).now()
    cy = pool.connect("cys", owner="cy")
    granted = cy.lease()
    assert (granted.subtasks, granted.payloads) == ([0], [b"\x05"])


def test_a_copy_that_is_not_late_goes_on_as_the_check_that_is_drawn(
    pool: Pool, ann: Connection, ben: Connection
) -> None:
    task = pool.task(1, verify="all")
    held, copy = both(pool, task, ann, ben)
    settled = ann.complete(held, partial=b"\x07")
    assert settled.unwanted == []
    assert ben.beat(copy.lease) == [], "it is wanted"
    found = checks.standing_of(pool.group, task).now()
    assert found
    assert (found.open, found.held, found.waiting) == (1, 1, 0)
    assert ben.complete(copy, partial=b"\x07").compare


def test_while_somebody_else_makes_the_check_what_comes_second_is_an_answer_too(
    pool: Pool, ann: Connection, ben: Connection
) -> None:
    task = pool.task(1, verify="all")
    held, copy = both(pool, task, ann, ben)
    ben.complete(copy, partial=b"\x07")
    cy = pool.connect("cys", owner="cy")
    granted = cy.lease()
    assert ann.complete(held, partial=b"\x07").compare
    (check,) = unsettled(pool, task)
    assert checks.settle(pool.group, task, check=check, how=checks.CONFIRMED).now().settled
    assert cy.beat(granted.lease) == [granted.lease], "it is not needed any more"


def test_of_a_task_that_wants_no_checks_it_is_refused_as_before(
    pool: Pool, ann: Connection, ben: Connection
) -> None:
    task = pool.task(1)
    held, copy = both(pool, task, ann, ben)
    ben.complete(copy)
    assert ann.complete(held).reason == "unknown_lease"


def test_a_copy_of_the_same_owner_confirms_nothing(pool: Pool, ann: Connection) -> None:
    task = pool.task(1, verify="sample")
    held, copy = both(pool, task, ann, pool.connect("another", owner="ann"))
    leasing.complete(
        copy.lease, worker="another", subtasks=[0], partial=b"\x07", chance=TRUSTED
    ).now()
    assert ann.complete(held).reason == "unknown_lease"


def test_what_was_taken_out_meanwhile_counts_as_a_result_when_it_is_wanted_again(
    pool: Pool, ann: Connection, ben: Connection
) -> None:
    task = pool.task(1, verify="sample")
    held, copy = both(pool, task, ann, ben)
    ben.complete(copy, partial=b"\x07", chance=TRUSTED)
    parts.retract(pool.group, task, parts=[0], message="no").now()
    assert ann.complete(held).reason == "done_by_another", "not yet"
    parts.restore(pool.group, task, {0: b"\x05"}).now()
    late = ann.complete(held, partial=b"\x08", chance=TRUSTED)
    assert (late.reason, late.is_check, late.complete) == ("", False, True)
