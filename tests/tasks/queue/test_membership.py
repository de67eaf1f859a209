"""A member who leaves or is removed: from then on nothing of theirs counts."""

from __future__ import annotations

from tasks.queue import connections, membership
from tests.tasks.queue.conftest import Pool


def test_what_a_former_member_holds_goes_to_others_and_their_results_are_refused(
    pool: Pool,
) -> None:
    task = pool.task(3)
    gone, other = pool.connect("gone"), pool.connect("other")
    held = gone.lease()
    revoked = membership.dismiss(pool.group, gone.owner)
    assert revoked.held == [(gone.name, held.lease)]
    assert gone.complete(held).reason == "not_a_member"
    assert gone.fail(held).reason == "not_a_member"
    assert gone.release(held).reason == "not_a_member"
    assert gone.reject(held).reason == "not_a_member"
    assert sorted(other.work_off()) == [0, 1, 2]
    assert pool.outcome(task).work[other.worker].subtasks == 3


def test_a_late_result_of_a_former_members_lost_lease_is_refused_too(pool: Pool) -> None:
    pool.task()
    gone = pool.connect("gone")
    late = gone.lease()
    gone.leave(connections.LOST)
    assert membership.dismiss(pool.group, gone.owner).held == []
    assert gone.complete(late).reason == "not_a_member"


def test_nothing_is_leased_to_a_former_member_whose_connection_was_not_told(pool: Pool) -> None:
    pool.task()
    gone = pool.connect("gone")
    membership.dismiss(pool.group, gone.owner)
    asked = gone.ask()
    assert (asked.granted, asked.ask_again_ms) == (None, 0)
    membership.readmit(pool.group, gone.owner)
    assert gone.lease().subtasks == [0]


def test_a_former_member_who_comes_back_keeps_no_old_lease(pool: Pool) -> None:
    pool.task(2)
    gone = pool.connect("gone")
    held = gone.lease()
    membership.dismiss(pool.group, gone.owner)
    membership.readmit(pool.group, gone.owner)
    assert gone.beat(held.lease) == [held.lease], "it may stop"
    call = connections.adopt(pool.group, worker="gone", conn="new", leases=[held.lease])
    assert call.now() == []
    assert gone.complete(held).reason == "not_a_member"


def test_other_members_and_groups_keep_what_they_hold(pool: Pool) -> None:
    pool.task(2)
    gone, other = pool.connect("gone"), pool.connect("other")
    gone.lease()
    held = other.lease()
    membership.dismiss(pool.group, gone.owner)
    assert other.complete(held).reason == ""


def test_a_copy_stays_when_its_first_holder_leaves_the_group(pool: Pool) -> None:
    task = pool.task(1)
    gone, other = pool.connect("gone"), pool.connect("other")
    held = gone.lease()
    pool.began(held, seconds_ago=60)
    copy = other.lease()
    membership.dismiss(pool.group, gone.owner)
    assert pool.progress(task).waiting == 0
    assert other.complete(copy).complete
