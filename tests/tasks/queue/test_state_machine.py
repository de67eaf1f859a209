"""The queue on a real Redis against a small model (`model.py`), driven by Hypothesis.

After every step, whatever was called in whatever order:

- every subtask is counted done at most once, and the partials name exactly the done ones, of a
  task that has failed some of them;
- done + failed + open == split;
- every open subtask either waits, exactly once, or is held by an active lease; `leased` counts the
  held ones;
- it is held by two leases at most, of two workers; the second one was granted when nothing of the
  task waited; the one that is first counts, the other is refused, unless it is the same as a part
  of another owner: then it is an answer to its check;
- an active lease owes open subtasks only, all of one task; what a lost one owes is remembered;
- a task is complete exactly when it is decided, broken, or split to its end with nothing open; only
  a kind that can prove it decides it early;
- a part that was taken out counts no more, and its subtasks are open once more, leased when their
  payloads are there;
- a refused result names what of it can still be sent, and nothing of it was counted;
- nothing is leased of a task that is complete, closed or paused; what a paused task had leased
  waits again, and may still be completed;
- nor is a subtask leased to a worker that failed or lost it, nor to its owner when two of their
  workers did, while another owner who takes the kind and did so less often is online, or another
  worker of the owner who had only one so far;
- a failure counts when it is the first of its owner, or when each owner online that takes the kind
  has failed the subtask; so do losses;
- nothing is leased to an owner who is set aside from the creator's tasks while another owner's
  worker that takes the kind, and is not set aside, is online; afterwards one subtask of a task at a
  time, until what failed is made up for; nobody is set aside from their own tasks;
- what a rejected lease owed waits again, and the lease is forgotten;
- what a worker lost of a task is what the leases still owed that expired or whose connection
  vanished;
- a worker is reported exactly when it has failed on tasks of STREAK_MAX creators what others, but
  for the creators themselves, have done, and completed nothing in between, and its owner when
  several of their workers have so together;
- what is leased comes from the first band that has anything, from the owner's own tasks first, then
  from the creator served least, then in order of arrival;
- where several owners want work of a kind, none gets more of a task than an equal share of what
  waits, or as much as they have done of it; at least one subtask;
- a creator's `served` is what results were charged with, for each subtask the median of the latest
  results, plus the estimates of active leases, plus where they started: it moves only when they
  start to have something to lease;
- nothing is leased to an owner who has left the group; what their workers had leased waits again,
  and nothing that they send of it counts;
- a part that is to be checked is leased to other owners only, or, while there is only its own
  owner, to another machine of theirs, before all else, with its payloads;
  done, open, leased, shares and charges know nothing of it, and no answer is ever combined unless
  it takes the place of the part;
- an owner answers a check once; of a lease that comes to nothing the check waits again, at most
  CHECK_TRIES times; it is settled once, and goes when its part is taken out;
- of an owner who was found wrong the latest parts that nobody has checked are to be checked, and
  are leased when their payloads are there again;
- what was confirmed is leased now and then once more, to an owner who has not computed it, in place
  of work and no larger; the answer changes nothing of the part;
- only live connections wait for work;
- when all tasks are closed, nothing of them or of their leases is left.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tasks.queue import connections, leasing, lifecycle, membership, parts, sweeping
from tests.plugin import ON_CLUSTER
from tests.tasks.queue.driver import Driver
from tests.tasks.queue.roles import CREATORS, KINDS, OWNERS, SECONDS, WORKERS, pick, some

creators, kinds = st.sampled_from(CREATORS), st.sampled_from(KINDS)
batch = st.integers(1, 9)
which = st.integers(1, 999)  # picks one of what there is


class Queue(Driver):
    # Tasks

    @initialize(
        sizes=st.tuples(batch, batch, batch), partial=st.booleans(), band=st.sampled_from([1, 1, 0])
    )
    def begin(self, sizes: tuple[int, int, int], partial: bool, band: int) -> None:
        for creator, kind, size in zip(CREATORS, (*KINDS, KINDS[0]), sizes, strict=True):
            self.open_one(creator, kind, band, partial, size)

    @rule(creator=creators, kind=kinds, band=st.integers(0, 2), partial=st.booleans(), size=batch)
    def open(self, creator: str, kind: str, band: int, partial: bool, size: int) -> None:
        self.open_one(creator, kind, band, partial, size)

    @rule(
        at=which,
        size=st.integers(0, 4),
        off=st.sampled_from([0, 0, 0, 0, -1, 1]),
        last=st.booleans(),
    )
    def push(self, at: int, size: int, off: int, last: bool) -> None:
        for task in some(self.model.tasks.values(), at):
            self.push_batch(task, task.split + off, size, last)

    @rule(at=which, proves=st.booleans())
    def decide(self, at: int, proves: bool) -> None:
        name, worker, first = self.pick_lease(at)
        owes = self.model.leases[name].owes if name in self.model.leases else first
        self.send(name, worker, list(owes), 0.0, decided=True, proves=proves)

    @rule(at=which)
    def undecide(self, at: int) -> None:
        for task in some((task for task in self.model.tasks.values() if task.decided), at):
            self.do(lifecycle.undecide(self.group, task.name))
            task.decided = False

    @rule(at=which, number=which, again=st.booleans())
    def take_out(self, at: int, number: int, again: bool) -> None:
        for task in some((task for task in self.model.tasks.values() if task.partials), at):
            for _ in range(2):  # two conclusions at once
                which_one = number % len(task.partials)
                call = parts.retract(self.group, task.name, parts=[which_one], message="no")
                assert self.do(call).subtasks == self.model.retract(task, which_one)
        if again:
            self.put_back(at)

    @rule(at=which)
    def put_back(self, at: int) -> None:
        for task in some((task for task in self.model.tasks.values() if task.redo), at):
            assert parts.to_redo(self.group, task.name) == task.redo
            self.do(parts.restore(self.group, task.name, dict.fromkeys(task.redo, b"\x01")))
            self.model.restore(task)

    @rule(at=which)
    def conclude(self, at: int) -> None:
        self.conclude_some(at)

    @rule(at=which)
    def cancel(self, at: int) -> None:
        for task in some(self.model.tasks.values(), at):
            self.close(task)

    @rule(at=which, back=st.booleans())
    def pause(self, at: int, back: bool) -> None:
        for task in some((task for task in self.model.tasks.values() if not task.paused), at):
            assert set(self.do(lifecycle.pause(self.group, task.name))) == self.model.pause(task)
            assert self.do(lifecycle.pause(self.group, task.name)) == []
        if back:
            self.resume(at)

    @rule(at=which)
    def resume(self, at: int) -> None:
        for task in some((task for task in self.model.tasks.values() if task.paused), at):
            self.do(lifecycle.resume(self.group, task.name))
            task.paused = False

    # Leases

    @rule(at=which)
    def tail(self, at: int) -> None:
        self.fall_behind(at)

    @rule(at=which, times=st.integers(1, 6), repeated=st.booleans(), done=st.integers(0, 3))
    def lease(self, at: int, times: int, repeated: bool, done: int) -> None:
        self.lease_some(at, times, repeated=repeated)
        self.work(at, done)

    # Hypothesis takes each rule as often as the next: this one is there three times.
    lease_again = lease_more = lease

    @rule(
        at=which,
        how=st.sampled_from(
            ["whole", "whole", "whole", "part", "twice", "with more", "none", "first", "foreign"]
        ),
        seconds=st.sampled_from(SECONDS),
    )
    def complete(self, at: int, how: str, seconds: float) -> None:
        """`whole` is what the lease still owes.

        `first` is what it once had, so also what is settled since.
        """
        name, worker, first = self.pick_lease(at)
        owes = self.model.leases[name].owes if name in self.model.leases else first
        named = {
            "part": owes[::2],
            "twice": owes + owes[:1],
            "with more": [*owes, 99],
            "none": [],
            "first": first,
        }
        sender = pick(WORKERS, list(WORKERS).index(worker) + 1) if how == "foreign" else worker
        subtasks = list(named.get(how, owes))
        self.send(name, sender, subtasks, seconds, decided=False)

    @rule(at=which, sub=which, times=st.integers(1, 3))
    def fail(self, at: int, sub: int, times: int) -> None:
        for number in range(at, at + times):
            name, worker, first = self.pick_lease(number)
            known = self.model.leases.get(name)
            subtask = pick(known.owes if known else first, sub)
            settled = self.do(
                leasing.fail(name, worker=worker, subtask=subtask, error="ValueError")
            )
            assert settled.reason == self.model.fail(name, worker, subtask)
            if settled.reason == "":
                assert known
                assert settled.complete == (known.task.complete and known.check is None)
                self.note_late(len(settled.unwanted))

    @rule(at=which, part=st.booleans())
    def release(self, at: int, part: bool) -> None:
        name, worker, first = self.pick_lease(at)
        subtasks = first[:1] if part else first
        settled = self.do(leasing.release(name, worker=worker, subtasks=subtasks))
        assert settled.reason == self.model.release(name, worker, subtasks)

    @rule(
        at=which,
        why=st.sampled_from(["bad_partial", "bad_partial", "kind_changed"]),
        foreign=st.booleans(),
    )
    def reject(self, at: int, why: str, foreign: bool) -> None:
        name, worker, _ = self.pick_lease(at)
        sender = (
            pick(WORKERS, list(WORKERS).index(worker) + 1) if foreign and at % 3 == 0 else worker
        )
        rejected = self.do(
            leasing.reject(name, worker=sender, owner=OWNERS[sender], why=why, message="no")
        )
        assert rejected.reason == self.model.reject(name, sender, why)

    @rule(
        at=which,
        how=st.sampled_from(
            ["confirmed", "again", "replaced", "liar", "false accuser", "own machine"]
        ),
    )
    def compare(self, at: int, how: str) -> None:
        self.checks.compare_one(at, how)

    @rule(at=which, owner=st.sampled_from(sorted(set(OWNERS.values()))))
    def recheck(self, at: int, owner: str) -> None:
        self.checks.recheck_some(at, owner)

    @rule(at=which, owner=st.sampled_from(["alice", "bob"]))
    def one_owner_is_alone(self, at: int, owner: str) -> None:
        self.be_alone(at, owner)

    @rule(at=which)
    def keep_payloads_for_checks(self, at: int) -> None:
        self.checks.keep_payloads(at)

    @rule(at=which, done=st.integers(0, 9))
    def canaries(self, at: int, done: int) -> None:
        self.checks.bring_canaries(at)
        self.work(at, done)

    # Connections and time

    @rule(owner=st.sampled_from(sorted(set(OWNERS.values()))))
    def rest_is_over(self, owner: str) -> None:
        self.end_rest(owner)

    @rule(worker=st.sampled_from(sorted(WORKERS)))
    def connect(self, worker: str) -> None:
        self.connect_one(worker)

    @rule(
        at=which,
        back=st.booleans(),
        how=st.sampled_from(
            [connections.LOST, connections.LOST, connections.RELEASED, connections.KEPT]
        ),
    )
    def leave(self, at: int, back: bool, how: str) -> None:
        conn = pick(self.model.online, at)
        worker = self.model.online[conn]
        who = {"worker": worker, "owner": OWNERS[worker], "conn": conn}
        call = connections.leave(self.group, **who, kinds=WORKERS[worker], how=how)
        assert set(self.do(call).complete) == self.model.leave(conn, how)
        if back or len(self.model.online) < 2:
            self.connect_one(worker)

    @rule(owner=st.sampled_from(sorted(set(OWNERS.values()))), at=which)
    def owner_leaves_the_group(self, owner: str, at: int) -> None:
        held = membership.dismiss(self.group, owner).held
        assert set(held) == self.model.revoke(owner)
        for conn, worker in self.model.online.items():
            if OWNERS[worker] == owner:
                who = {"worker": worker, "owner": owner, "conn": conn, "kinds": WORKERS[worker]}
                assert self.do(leasing.lease(self.group, **who)).granted is None
        membership.readmit(self.group, owner)

    @rule(at=which, what=st.lists(which, max_size=4))
    def adopt(self, at: int, what: list[int]) -> None:
        conn, names = self.pick_names(at, what)
        worker = self.model.online[conn]
        kept = [name for name in names if self.model.still_wanted(name, worker)]
        assert (
            self.do(connections.adopt(self.group, worker=worker, conn=conn, leases=names)) == kept
        )
        for name in kept:
            self.model.leases[name].conn, self.model.leases[name].overdue = conn, 0

    @rule(at=which, what=st.lists(which, max_size=4))
    def beat(self, at: int, what: list[int]) -> None:
        self.beat_on(*self.pick_names(at, what))

    @rule(at=which)
    def deadline_passes(self, at: int) -> None:
        for lease in some((lease for lease in self.model.leases.values() if lease.active), at):
            lease.overdue = next(self.numbers)
            self.redis.zadd(self.key("leases"), {lease.name: lease.overdue})

    @rule()
    def reap(self) -> None:
        overdue = sum(1 for lease in self.model.leases.values() if lease.overdue)
        reaped = self.do(sweeping.reap(self.group))
        assert (reaped.leases, reaped.more) == (overdue, False)
        assert set(reaped.complete) == self.model.reap(overdue)


# What is asked of a cluster is only whether the keys of each call lie together: any call shows it.
EXAMPLES_MAX = 10 if os.environ.get(ON_CLUSTER) else 60

TestQueue = Queue.TestCase
TestQueue.settings = settings(
    max_examples=EXAMPLES_MAX,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
