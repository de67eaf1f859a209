"""What one owner computed is computed again by another, and nothing else changes by that."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from pytest_django import Settings

from tasks.queue import checks, connections, leasing, lifecycle, membership, parts, task_log
from tasks.queue.answers import Granted
from tests.tasks.queue.conftest import KIND, Connection, Pool


@pytest.fixture
def done(pool: Pool, ann: Connection) -> str:
    """A task of four subtasks, all of them done by Ann, the first one alone; all to be checked."""
    task = pool.task(4, payload=b"\x05", verify="all")
    ann.complete(ann.lease(), partial=b"\x07")
    pool.speed(task, "anns", 1000)
    ann.complete(ann.lease(), partial=b"\x08")
    assert pool.progress(task).complete
    return task


def unsettled(pool: Pool, task: str, *, every: bool = False) -> list[checks.Check]:
    found = checks.unsettled(pool.group, task, most=99, bytes_max=10**6, every=every).now()
    return sorted(found, key=lambda check: check.number)


# Which are drawn


@pytest.mark.parametrize(
    ("verify", "agreements", "chance", "is_drawn"),
    [
        ("none", 0, 0.0, False),
        ("all", 1000, 0.999, True),
        ("sample", 0, 0.049, True),
        ("sample", 0, 0.05, False),
        ("auto", 0, 0.999, True),
        ("auto", 9, 0.999, True),
        ("auto", 10, 0.09, True),
        ("auto", 10, 0.1, False),
        ("auto", 99, 0.0099, True),
        ("auto", 99, 0.011, False),
    ],
)
def test_the_draw_hangs_on_what_was_asked_for_and_on_the_owners_standing(
    pool: Pool, ann: Connection, verify: str, agreements: int, chance: float, is_drawn: bool
) -> None:
    task = pool.task(1, verify=verify)
    checks.note_standing(pool.group, KIND, "ann", agreements)
    ann.complete(ann.lease(), chance=chance)
    assert pool.stands(task) == (int(is_drawn), 0, 0)
    assert pool.redis.hlen(pool.key("t", task, "kept")) == int(is_drawn)


def test_without_its_standing_an_owner_is_a_newcomer(pool: Pool, ann: Connection) -> None:
    task = pool.task(1, verify="auto")
    checks.note_standing(pool.group, KIND, "ann", 99)
    checks.forget_standing(pool.group, KIND, "ann")
    ann.complete(ann.lease(), chance=0.9)
    assert pool.stands(task)[0] == 1


# The lease of a check


def test_another_owner_gets_the_same_subtasks_with_their_payloads(
    pool: Pool, done: str, ben: Connection
) -> None:
    first, second = ben.lease(), ben.lease()
    assert (first.subtasks, first.payloads) == ([0], [b"\x05"])
    assert (second.subtasks, second.payloads) == ([1, 2, 3], [b"\x05"] * 3)
    assert ben.ask().granted is None
    assert pool.stands(done) == (2, 2, 0)


def test_it_comes_before_ordinary_work_and_its_creator_is_not_charged(
    pool: Pool, ann: Connection, ben: Connection
) -> None:
    task = pool.task(9, verify="all")
    granted = ann.lease()
    ann.complete(granted, seconds=0.0)
    served = pool.served("alice")
    assert ben.lease().subtasks == granted.subtasks
    assert pool.served("alice") == served
    progress = pool.progress(task)
    assert (progress.leased, progress.done, progress.open) == (0, 1, 8)
    assert ben.lease().subtasks == [1], "then comes what waits"


def test_no_machine_of_the_same_owner_gets_it_where_the_submitter_demands_others(
    pool: Pool, done: str
) -> None:
    assert pool.connect("another", owner="ann").ask().granted is None


def test_where_nobody_else_is_online_another_machine_of_the_owner_gets_it(
    pool: Pool, ann: Connection
) -> None:
    task = pool.task(1, verify="auto")
    ann.complete(ann.lease())
    assert ann.ask().granted is None, "not the same machine"
    another = pool.connect("another", owner="ann")
    ben = pool.connect("bens", owner="ben")
    assert another.ask().granted is None, "Ben is there"
    ben.leave()
    found = checks.standing_of(pool.group, task).now()
    assert found
    assert found.others
    another.complete(another.lease())
    (check,) = unsettled(pool, task)
    assert not check.others
    settled = checks.settle(pool.group, task, check=check, how=checks.SAME_OWNER).now()
    assert settled.settled
    found = checks.standing_of(pool.group, task).now()
    assert found
    assert (found.same_owner, found.checked, found.checkers, found.others) == (1, 0, 0, False)


def test_who_demands_all_checked_may_have_it_of_machines_of_their_own(pool: Pool) -> None:
    desk, shelf = pool.connect("desk", owner="alice"), pool.connect("shelf", owner="alice")
    pool.task(1, creator="alice", verify="all")
    granted = desk.lease()
    desk.complete(granted)
    assert shelf.lease().subtasks == granted.subtasks


def test_what_only_a_machine_of_their_own_confirmed_is_checked_once_an_owner_was_wrong(
    pool: Pool, ann: Connection
) -> None:
    task = pool.task(1, verify="auto")
    ann.complete(ann.lease())
    another = pool.connect("another", owner="ann")
    another.complete(another.lease())
    (check,) = unsettled(pool, task)
    checks.settle(pool.group, task, check=check, how=checks.SAME_OWNER).now()
    assert checks.recheck(pool.group, task, "ann").now().parts == 1
    found = checks.standing_of(pool.group, task).now()
    assert found
    assert (found.open, found.same_owner) == (1, 0)


def test_asked_for_twice_it_is_the_same(pool: Pool, done: str, ben: Connection) -> None:
    call = leasing.lease(pool.group, worker="bens", owner="ben", conn="c", kinds=[KIND])
    once, twice = call.now().granted, call.now().granted
    assert once
    assert once == twice


def test_an_idle_worker_is_woken_for_it(pool: Pool, ann: Connection, ben: Connection) -> None:
    pool.task(1, verify="all")
    granted = ann.lease()
    assert ben.ask().granted is None
    assert ben.name in ann.complete(granted).wake


def test_it_is_not_copied_and_takes_no_share(pool: Pool, done: str, ben: Connection) -> None:
    granted = ben.lease()
    pool.began(granted, seconds_ago=3600)
    assert pool.connect("cys", owner="cy").lease().subtasks == [1, 2, 3]
    assert pool.connect("dees", owner="dee").ask().granted is None
    assert pool.redis.hget(pool.key("t", done, "holds"), "ben") is None


# Answers


def test_an_answer_may_come_in_pieces_and_counts_for_nothing(
    pool: Pool, done: str, ben: Connection
) -> None:
    before = pool.progress(done)
    first, granted = ben.lease(), ben.lease()
    piece = ben.complete(granted, [2], partial=b"\x0a")
    assert (piece.reason, piece.is_check, piece.compare) == ("", True, False)
    assert ben.complete(granted, [2]).reason == "not_in_lease"
    whole = ben.complete(granted, [1, 3], partial=b"\x0b")
    assert whole.compare
    assert not whole.complete
    assert not ben.complete(first).compare, "somebody was asked to compare already"
    _, check = unsettled(pool, done)
    assert (check.part.owner, check.partial) == ("ann", b"\x08")
    assert check.answers == [b"\x0a", b"\x0b"]
    assert [piece.subtasks for piece in check.pieces] == [[2], [1, 3]]
    assert {piece.owner for piece in check.pieces} == {"ben"}
    after = pool.progress(done)
    assert (after.done, after.open, after.seconds) == (before.done, before.open, before.seconds)
    counted = after.work["bens"]
    assert (counted.subtasks, counted.checks) == (0, len(first.subtasks) + 3)
    assert 0 < counted.first <= counted.last
    assert task_log.log(pool.group, done)[-1].what == "checked"


def test_answers_take_room_like_results_until_they_are_settled(
    pool: Pool, done: str, ben: Connection
) -> None:
    ben.complete(ben.lease(), partial=b"x" * 100)
    (check,) = unsettled(pool, done)
    taken = int(pool.redis.hget(pool.key("partial_bytes"), "alice") or 0)
    checks.settle(pool.group, done, check=check, how=checks.CONFIRMED).now()
    assert int(pool.redis.hget(pool.key("partial_bytes"), "alice") or 0) == taken - 100


# What comes to nothing

Ends = Callable[[Pool, Connection, Granted, str], object]
FAILS: dict[str, Ends] = {
    "failed": lambda pool, conn, granted, task: conn.fail(granted),
    "lost": lambda pool, conn, granted, task: conn.leave(connections.LOST),
    "rejected": lambda pool, conn, granted, task: conn.reject(granted),
}
GOES_BACK: dict[str, Ends] = {
    "released": lambda pool, conn, granted, task: conn.release(granted, granted.subtasks[:1]),
    "left": lambda pool, conn, granted, task: conn.leave(connections.RELEASED),
    "paused": lambda pool, conn, granted, task: (
        lifecycle.pause(pool.group, task).now(),
        lifecycle.resume(pool.group, task).now(),
    ),
    "revoked": lambda pool, conn, granted, task: (
        membership.dismiss(pool.group, conn.owner),
        membership.readmit(pool.group, conn.owner),
    ),
}


@pytest.mark.parametrize("end", FAILS.values(), ids=FAILS)
def test_what_one_owner_failed_another_is_asked(
    pool: Pool, done: str, ben: Connection, cy: Connection, end: Ends
) -> None:
    granted = ben.lease()
    blame = task_log.failures(pool.group, done)
    end(pool, ben, granted, done)
    progress = pool.progress(done)
    assert (progress.done, progress.failed, progress.complete) == (4, 0, True)
    assert all(not failure.final for failure in task_log.failures(pool.group, done)[len(blame) :])
    ben.beat()
    again = ben.ask().granted
    assert not again or again.subtasks != granted.subtasks
    rest = [found.subtasks for found in iter(lambda: cy.ask().granted, None)]
    assert granted.subtasks in rest
    assert ben.complete(granted).reason == "unknown_lease"


@pytest.mark.parametrize("end", GOES_BACK.values(), ids=GOES_BACK)
def test_what_goes_back_the_same_owner_may_take_again(
    pool: Pool, done: str, ben: Connection, end: Ends
) -> None:
    granted = ben.lease()
    end(pool, ben, granted, done)
    assert pool.progress(done).complete
    ben.beat()
    taken = [found.subtasks for found in iter(lambda: ben.ask().granted, None)]
    assert granted.subtasks in taken
    assert ben.complete(granted).reason == "unknown_lease"


def test_what_fails_again_and_again_is_given_up(pool: Pool, done: str, ben: Connection) -> None:
    """Nobody else is there, so the same owner is asked again, but not for ever."""
    for _ in range(3):
        granted = ben.lease()
        while granted.subtasks != [0]:
            ben.complete(granted)
            granted = ben.lease()
        ben.fail(granted)
        pool.redis.delete(pool.key("strikes", "ben"))
    ben.work_off()
    (check,) = [check for check in unsettled(pool, done, every=True) if check.number == 0]
    assert not check.others
    assert ben.ask().granted is None


def test_what_is_given_back_again_and_again_is_given_up_too(
    pool: Pool, ann: Connection, ben: Connection
) -> None:
    task = pool.task(1, verify="all")
    ann.complete(ann.lease())
    for _ in range(20):
        ben.release(ben.lease())
        pool.redis.delete(pool.key("strikes", "ben"))
    assert ben.ask().granted is None
    assert pool.stands(task) == (1, 0, 0)
    found = checks.standing_of(pool.group, task).now()
    assert found
    assert not found.others


def test_an_expired_one_is_reaped_and_its_heartbeat_keeps_it(
    pool: Pool, done: str, ben: Connection, cy: Connection
) -> None:
    granted = ben.lease()
    assert ben.beat(granted.lease) == []
    back = pool.connect("bens", owner="ben", conn="again")
    call = connections.adopt(pool.group, worker="bens", conn=back.name, leases=[granted.lease])
    assert call.now() == [granted.lease]
    pool.expire(granted)
    taken = [found.subtasks for found in iter(lambda: cy.ask().granted, None)]
    assert granted.subtasks in taken
    assert ben.beat(granted.lease) == [granted.lease]


def test_of_a_paused_task_nothing_is_checked(pool: Pool, done: str, ben: Connection) -> None:
    lifecycle.pause(pool.group, done).now()
    assert ben.ask().granted is None
    assert ben.name in lifecycle.resume(pool.group, done).now()
    assert ben.ask().granted


# What becomes of them


def answer_first(pool: Pool, conn: Connection, partial: bytes = b"\x07") -> Granted:
    """Answer the check of part 0; the other one goes back."""
    granted = conn.lease()
    conn.complete(granted, partial=partial)
    return granted


def test_it_is_settled_once(pool: Pool, done: str, ben: Connection) -> None:
    answer_first(pool, ben)
    (check,) = unsettled(pool, done)
    call = checks.settle(pool.group, done, check=check, how=checks.CONFIRMED, checkers=["ben"])
    assert call.now().settled
    assert not call.now().settled
    found = checks.standing_of(pool.group, done).now()
    assert found
    assert (found.open, found.checked, found.checkers, found.wrong) == (1, 1, 1, 0)
    assert task_log.log(pool.group, done)[-1].what == "confirmed"
    assert pool.redis.hkeys(pool.key("t", done, "kept")) == [b"1", b"2", b"3"]


def test_another_one_is_asked_who_has_not_answered(
    pool: Pool, done: str, ben: Connection, cy: Connection
) -> None:
    answer_first(pool, ben)
    ben.work_off()
    check = unsettled(pool, done)[0]
    assert check.others
    again = checks.settle(pool.group, done, check=check, how=checks.AGAIN).now()
    assert again.settled
    assert ben.ask().granted is None
    assert cy.lease().subtasks == [0]
    assert not checks.settle(pool.group, done, check=check, how=checks.AGAIN).now().settled


def test_the_answer_takes_the_place_of_a_lie_and_what_else_the_liar_did_is_done_anew(
    pool: Pool, done: str, ben: Connection, cy: Connection
) -> None:
    granted = answer_first(pool, ben, b"\x09")
    (check,) = unsettled(pool, done)
    settled = checks.settle(
        pool.group,
        done,
        check=check,
        how=checks.CONFIRMED,
        lease=granted.lease,
        checkers=["ben", "cy"],
        wrong=["ann"],
        message="no",
    ).now()
    assert (settled.settled, settled.subtasks) == (True, 3)
    progress = pool.progress(done)
    assert (progress.done, progress.open, progress.redo) == (1, 3, 3)
    assert (progress.work["anns"].subtasks, progress.work["bens"].subtasks) == (0, 1)
    assert parts.to_redo(pool.group, done) == {1, 2, 3}
    assert pool.stands(done) == (0, 0, 0), "the check of what was taken out went with it"
    parts.restore(pool.group, done, dict.fromkeys([1, 2, 3], b"\x05")).now()
    cy.work_off()
    outcome = pool.outcome(done)
    assert outcome.partials[:3] == [b"", b"", b"\x09"]
    assert outcome.parts[2].owner == "ben"
    found = checks.standing_of(pool.group, done).now()
    assert found
    assert (found.checked, found.taken_out, found.wrong) == (1, 4, 1)


def test_a_part_that_is_taken_out_is_not_checked_any_more(
    pool: Pool, done: str, ben: Connection
) -> None:
    granted = ben.lease()
    parts.retract(pool.group, done, parts=[0, 1], message="no").now()
    assert pool.stands(done) == (0, 0, 0)
    assert ben.beat(granted.lease) == [granted.lease]
    assert ben.complete(granted).reason == "unknown_lease"
    assert ben.ask().granted is None


def test_of_a_closed_task_no_check_stays(pool: Pool, done: str, ben: Connection) -> None:
    granted = ben.lease()
    ben.complete(ben.lease(), [1])
    closed = lifecycle.close(pool.group, done).now()
    assert (ben.name, granted.lease) in closed.held
    assert closed.checks > 0, "nobody answered them"
    left = pool.keys()
    assert not [key for key in left if ":t:" in key or ":l:" in key or "checking" in key]
    assert not pool.redis.exists(pool.key("partial_bytes"))


# What an owner did before they were found wrong


@pytest.fixture
def trusted(pool: Pool, ann: Connection) -> str:
    """Ann did four subtasks in two results, and nobody checks them."""
    task = pool.task(4, payload=b"\x05", verify="sample")
    ann.complete(ann.lease(), chance=0.9)
    pool.speed(task, "anns", 1000)
    ann.complete(ann.lease(), chance=0.9)
    return task


def put_payloads_back(pool: Pool, task: str) -> None:
    found = checks.lacking_payloads(pool.group, task)
    pieces = [(number, dict.fromkeys(found[number], b"\x05"), True) for number in found]
    checks.keep_payloads(pool.group, task, pieces).now()


def test_what_nobody_checked_is_checked_when_its_payloads_are_made_anew(
    pool: Pool, trusted: str, ben: Connection
) -> None:
    assert checks.recheck(pool.group, trusted, "ben").now().parts == 0
    assert checks.recheck(pool.group, trusted, "ann").now().parts == 2
    assert checks.recheck(pool.group, trusted, "ann").now().parts == 0, "they are already"
    assert pool.stands(trusted) == (2, 0, 0)
    assert ben.ask().granted is None
    assert pool.progress(trusted).lacking == 2
    assert checks.lacking_payloads(pool.group, trusted) == {0: {0}, 1: {1, 2, 3}}
    first = checks.keep_payloads(pool.group, trusted, [(1, {1: b"\x05"}, False)])
    assert first.now() == [], "two subtasks are missing"
    last = checks.keep_payloads(pool.group, trusted, [(1, {2: b"\x05", 3: b"\x05"}, True)])
    assert last.now() == [ben.name]
    granted = ben.lease()
    assert (granted.subtasks, granted.payloads) == ([1, 2, 3], [b"\x05"] * 3)
    last.now()
    assert ben.ask().granted is None, "by another job a second time"


def test_the_latest_results_are_checked_and_only_so_many(
    pool: Pool, trusted: str, settings: Settings
) -> None:
    settings.RECHECK_RESULTS_MAX = 1
    assert checks.recheck(pool.group, trusted, "ann").now().parts == 1
    assert checks.lacking_payloads(pool.group, trusted).keys() == {1}


def test_what_was_confirmed_or_taken_out_or_not_to_be_checked_is_not(
    pool: Pool, trusted: str, ann: Connection, ben: Connection
) -> None:
    checks.recheck(pool.group, trusted, "ann").now()
    parts.retract(pool.group, trusted, parts=[0], message="no").now()
    assert checks.lacking_payloads(pool.group, trusted).keys() == {1}
    put_payloads_back(pool, trusted)
    ben.complete(ben.lease())
    (check,) = unsettled(pool, trusted)
    checks.settle(pool.group, trusted, check=check, how=checks.CONFIRMED, checkers=["ben"]).now()
    assert checks.recheck(pool.group, trusted, "ann").now().parts == 0
    unwanted = pool.task(1)
    ann.work_off()
    assert checks.recheck(pool.group, unwanted, "ann").now().parts == 0


# Who is asked first


def test_one_owner_is_drawn_and_the_others_wait(
    pool: Pool, settings: Settings, ann: Connection, ben: Connection, cy: Connection
) -> None:
    settings.CHECK_RESERVED_SECONDS = 60
    bens = []
    for _ in range(40):
        task = pool.task(1, verify="all")
        ann.complete(ann.lease())
        asked = ben.ask()
        if not asked.granted:
            assert 0 < asked.ask_again_ms <= 60_000
            cy.lease()
        bens.append(bool(asked.granted))
        lifecycle.close(pool.group, task).now()
    assert 3 < sum(bens) < 37  # one run of some ten million is beyond that


def test_whoever_is_drawn_is_woken_before_others(
    pool: Pool, settings: Settings, ann: Connection
) -> None:
    settings.CHECK_RESERVED_SECONDS = 60
    others = {name: pool.connect(name, owner=name) for name in map("other{}".format, range(20))}
    pool.task(1, verify="all")
    granted = ann.lease()
    assert [conn.ask().granted for conn in others.values()] == [None] * 20
    woken = ann.complete(granted).wake
    (got,) = [name for name, conn in others.items() if conn.ask().granted]
    assert woken[0] == others[got].name


def test_when_they_do_not_come_in_time_whoever_asks_gets_it(
    pool: Pool, settings: Settings, ann: Connection, ben: Connection, cy: Connection
) -> None:
    settings.CHECK_RESERVED_SECONDS = 0.001
    for _ in range(10):
        task = pool.task(1, verify="all")
        ann.complete(ann.lease())
        time.sleep(0.002)
        assert ben.lease().task == task
        lifecycle.close(pool.group, task).now()


def test_whoever_failed_it_is_not_drawn_again(
    pool: Pool, settings: Settings, ann: Connection, ben: Connection, cy: Connection
) -> None:
    settings.CHECK_RESERVED_SECONDS = 60
    others = [ben, cy, pool.connect("dots", owner="dot")]
    pool.task(1, verify="all")
    ann.complete(ann.lease())
    asked = []
    for _ in others:
        ((conn, granted),) = [(conn, got) for conn in others if (got := conn.ask().granted)]
        conn.fail(granted)
        asked.append(conn.owner)
    assert sorted(asked) == ["ben", "cy", "dot"]


def test_whoever_gave_it_back_is_drawn_again_only_if_nobody_else_is_left(
    pool: Pool, settings: Settings, ann: Connection, ben: Connection, cy: Connection
) -> None:
    """A liar's accomplice could have the check of a lie given up by giving it back all the time."""
    settings.CHECK_RESERVED_SECONDS = 60
    pool.task(1, verify="all")
    ann.complete(ann.lease())
    returned = []
    for _ in range(2):
        ((conn, granted),) = [(conn, got) for conn in (ben, cy) if (got := conn.ask().granted)]
        conn.release(granted)
        returned.append(conn.owner)
    assert sorted(returned) == ["ben", "cy"]
    assert len([conn for conn in (ben, cy) if conn.ask().granted]) == 1
