"""Connections that wait, leave, come back, and fall silent."""

from __future__ import annotations

from tasks.queue import connections, lifecycle, splitting, sweeping
from tests.tasks.queue.conftest import KIND, Pool


def test_idle_connections_are_woken_once_as_many_as_there_is_work(pool: Pool) -> None:
    idle = [pool.connect(f"worker-{n}") for n in range(4)]
    for worker in idle:
        assert worker.ask().granted is None
    task = pool.task(0, last=False)
    first = splitting.push(pool.group, task, first=0, payloads=[b"\x01"] * 2, last=False).now().wake
    second = (
        splitting.push(pool.group, task, first=2, payloads=[b"\x01"] * 9, last=False).now().wake
    )
    third = splitting.push(pool.group, task, first=11, payloads=[b"\x01"] * 9, last=True).now().wake
    assert (len(first), len(second), third) == (2, 2, [])
    assert sorted(first + second) == sorted(worker.name for worker in idle)


def test_who_gets_work_no_longer_waits_for_any_kind(pool: Pool) -> None:
    worker = pool.connect("laptop", kinds=(KIND, "MEAN@1"))
    assert worker.ask().granted is None
    pool.task()
    worker.lease()
    assert pool.redis.keys(pool.key("idle", "*")) == []


def test_stale_idle_connections_are_forgotten(pool: Pool) -> None:
    worker = pool.connect("laptop")
    worker.ask()
    pool.redis.zadd(pool.key("idle", KIND), {"gone": 1})
    task = pool.task(0, last=False)
    assert splitting.push(
        pool.group, task, first=0, payloads=[b"\x01"] * 9, last=True
    ).now().wake == [worker.name]


def test_a_busy_connection_passes_its_wake_on_while_work_waits(pool: Pool) -> None:
    first, second = pool.connect("first"), pool.connect("second")
    first.ask()
    second.ask()
    task = pool.task()
    left = connections.wake_another(pool.group, kinds=(KIND,)).now()
    assert left and left[0] in {first.name, second.name}
    lifecycle.close(pool.group, task).now()
    first.ask()
    assert connections.wake_another(pool.group, kinds=(KIND,)).now() == []


def test_a_lost_connection_wakes_others_for_what_it_held(pool: Pool) -> None:
    pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    alice.lease()
    bob.ask()
    assert alice.leave(connections.LOST).wake == [bob.name]
    assert bob.lease().subtasks == [0]


def test_only_the_leases_of_the_lost_connection_are_requeued(pool: Pool) -> None:
    task = pool.task(2)
    old, new = pool.connect("laptop", conn="old"), pool.connect("laptop", conn="new")
    first, second = old.lease(), new.lease()
    old.leave(connections.LOST)
    assert pool.progress(task).leased == 1
    assert new.complete(second).reason == ""
    assert new.complete(first).complete  # late, and nobody was faster


def test_leases_of_a_stopping_server_are_kept_and_adopted(pool: Pool) -> None:
    task = pool.task(2)
    old = pool.connect("laptop", conn="old")
    granted = old.lease()
    assert old.leave(connections.KEPT).wake == []
    new = pool.connect("laptop", conn="new")
    kept = connections.adopt(
        pool.group, worker="laptop", conn="new", leases=[granted.lease, "unknown"]
    ).now()
    assert kept == [granted.lease]
    # the old one's end is noticed only now: nothing is its own any more
    old.leave(connections.LOST)
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (1, 1)
    new.leave(connections.LOST)
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (0, 2)


def test_what_is_kept_but_not_adopted_is_requeued_at_its_deadline(pool: Pool) -> None:
    task = pool.task()
    worker = pool.connect("laptop")
    granted = worker.lease()
    worker.leave(connections.KEPT)
    assert sweeping.reap(pool.group).now().leases == 0
    pool.expire(granted)
    assert sweeping.reap(pool.group).now().leases == 1
    assert pool.progress(task).waiting == 1


def test_a_lost_lease_is_adopted_only_while_something_of_it_is_open(pool: Pool) -> None:
    pool.task(2)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    late = alice.lease()
    alice.leave(connections.LOST)
    adopt = connections.adopt(pool.group, worker="alice", conn="new", leases=[late.lease])
    assert adopt.now() == [late.lease]
    taken_over = bob.lease()
    assert adopt.now() == [late.lease]
    bob.complete(taken_over)
    assert adopt.now() == []
    assert alice.beat(late.lease) == [late.lease]


def test_nobody_adopts_the_leases_of_another_worker(pool: Pool) -> None:
    pool.task()
    granted = pool.connect("alice").lease()
    assert (
        connections.adopt(pool.group, worker="bob", conn="bobs", leases=[granted.lease]).now() == []
    )


def test_a_heartbeat_renews_the_leases_it_names_and_no_others(pool: Pool) -> None:
    pool.task(2)
    worker = pool.connect("laptop")
    named, other = worker.lease(), worker.lease()
    pool.expire(named, other)
    assert worker.beat(named.lease) == []
    assert sweeping.reap(pool.group).now().leases == 1
    assert pool.redis.zscore(pool.key("leases"), other.lease) is None
    assert worker.beat(named.lease, other.lease) == []  # lost, but its work may still win


def test_a_lease_cannot_be_renewed_beyond_what_all_of_its_subtasks_may_take(pool: Pool) -> None:
    pool.task(seconds_max=1)
    worker = pool.connect("laptop")
    granted = worker.lease()
    record = pool.key("l", granted.lease)
    end = int(pool.redis.hget(record, "until"))
    assert end - int(pool.redis.hget(record, "granted")) == 1000 + 20_000
    pool.redis.hset(record, "until", 5)
    worker.beat(granted.lease)
    assert sweeping.reap(pool.group).now().leases == 1


def test_a_heartbeat_names_what_is_no_longer_wanted(pool: Pool) -> None:
    task = pool.task()
    worker = pool.connect("laptop")
    granted = worker.lease()
    lifecycle.close(pool.group, task).now()
    assert worker.beat(granted.lease, "unknown") == [granted.lease, "unknown"]


def test_a_lost_lease_is_remembered_for_a_while_only(pool: Pool) -> None:
    task = pool.task()
    worker = pool.connect("laptop")
    granted = worker.lease()
    record = pool.key("l", granted.lease)
    assert pool.redis.pttl(record) == -1
    worker.leave(connections.LOST)
    assert pool.redis.pttl(record) > 0
    pool.redis.delete(record)  # its time has come
    assert worker.complete(granted).reason == "unknown_lease"
    assert lifecycle.close(pool.group, task).now().held == []


def test_each_lease_call_reaps_some_that_are_overdue(pool: Pool) -> None:
    task = pool.task(3)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    pool.expire(alice.lease(), alice.lease(), alice.lease())
    assert bob.lease().subtasks == [0]
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (2, 1)
