"""What becomes of tasks and workers when a member, a group or an account goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Notification, User
from groups import services as groups
from groups.models import Group, Invitation, Membership
from groups.signals import member_leaving
from tasks import blobs, events, states
from tasks.models import Contribution, Task, Worker
from tasks.queue import sweeping
from tasks.queue.answers import Granted
from tasks.services import departures, finish
from tasks.services.conclude import conclude_task
from tasks.services.sweep import purge
from tests.tasks.conftest import compute

Make = Callable[..., Task]
Lease = Callable[[Worker], Granted | None]


@pytest.fixture
def tower(bob: User) -> Worker:
    return Worker.objects.create(owner=bob, name="tower")


@pytest.fixture
def listen() -> Iterator[Callable[[Worker], Callable[[], list[str]]]]:
    """heard = listen(tower), as its connection does; heard() are the kinds of messages since."""
    layer = get_channel_layer()
    joined: list[tuple[str, str]] = []

    def run(call: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(call, events._loop()).result(5)

    async def next_message(channel: str) -> str:
        return (await asyncio.wait_for(layer.receive(channel), 0.2))["type"]

    def join(worker: Worker) -> Callable[[], list[str]]:
        channel = run(layer.new_channel())
        run(layer.group_add(events.worker_topic(worker.pk), channel))
        joined.append((events.worker_topic(worker.pk), channel))

        def heard() -> list[str]:
            found: list[str] = []
            while True:
                try:
                    found.append(run(next_message(channel)))
                except TimeoutError:
                    return found

        return heard

    yield join
    for topic, channel in joined:
        run(layer.group_discard(topic, channel))


def statuses() -> list[str]:
    return list(Task.objects.order_by("created").values_list("status", flat=True))


# A member leaves or is removed


def test_the_tasks_of_a_member_who_leaves_are_cancelled(
    split: Make, submit: Make, alice: User, bob: User, group: Group
) -> None:
    split(), submit(), split(author=alice)
    groups.leave_group(user=bob, group_id=group.pk)
    assert statuses() == ["cancelled", "cancelled", "running"]
    (kept,) = Task.objects.filter(creator=alice)
    assert sweeping.tasks_with_state(group.pk) == [str(kept.pk)]


def test_the_tasks_of_a_removed_member_are_cancelled(
    split: Make, alice: User, bob: User, group: Group
) -> None:
    split()
    groups.remove_member(remover=alice, group_id=group.pk, user_id=bob.pk)
    assert statuses() == ["cancelled"]


def test_their_tasks_in_other_groups_go_on(
    split: Make, bob: User, alice: User, group: Group
) -> None:
    other = groups.create_group(owner=bob, name="Other")
    task = split()
    Task.objects.filter(pk=task.pk).update(group=other)
    groups.leave_group(user=bob, group_id=group.pk)
    assert statuses() == ["running"]


def test_a_result_that_is_being_made_is_made(
    split: Make, work: Callable[[Worker], int], laptop: Worker, bob: User, group: Group
) -> None:
    task = split()
    work(laptop)
    Task.objects.filter(pk=task.pk).move(states.RUNNING, states.AGGREGATING)
    groups.leave_group(user=bob, group_id=group.pk)
    conclude_task(str(task.pk), attempt=0)
    assert statuses() == ["succeeded"]
    assert blobs.get_result(group.pk, task.pk)


def test_workers_are_notified_after_the_membership_has_gone(
    listen: Any,
    laptop: Worker,
    tower: Worker,
    bob: User,
    group: Group,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard, other = listen(tower), listen(laptop)
    publish, member_at_news = events.publish, []

    def watch(news: Any) -> None:
        member_at_news.append(Membership.objects.filter(user=bob).exists())
        publish(news)

    monkeypatch.setattr(events, "publish", watch)
    groups.leave_group(user=bob, group_id=group.pk)
    assert (heard(), other()) == (["worker.changed"], [])
    assert set(member_at_news) == {False}


@pytest.mark.parametrize("is_removed", [True, False], ids=["removed", "left"])
def test_no_result_of_a_former_member_counts_even_if_their_connection_is_not_told(
    split: Make,
    lease: Lease,
    work: Callable[[Worker], int],
    laptop: Worker,
    tower: Worker,
    alice: User,
    bob: User,
    group: Group,
    monkeypatch: pytest.MonkeyPatch,
    is_removed: bool,
) -> None:
    split(author=alice)
    held = lease(tower)
    assert held

    def lose(news: Any) -> None:
        news.close()

    monkeypatch.setattr(events, "publish", lose)
    if is_removed:
        groups.remove_member(remover=alice, group_id=group.pk, user_id=bob.pk)
    else:
        groups.leave_group(user=bob, group_id=group.pk)
    assert compute(held, tower).reason == "not_a_member"
    assert lease(tower) is None
    assert work(laptop) > 0


def test_a_member_who_comes_back_immediately_gets_work(
    split: Make, lease: Lease, tower: Worker, alice: User, bob: User, group: Group
) -> None:
    split(author=alice)
    groups.leave_group(user=bob, group_id=group.pk)
    assert lease(tower) is None
    groups.invite(inviter=alice, group_id=group.pk, usernames=[bob.username])
    groups.accept(user=bob, invitation_id=Invitation.objects.get(invitee=bob).pk)
    assert lease(tower)


def test_what_he_submits_while_he_leaves_is_cancelled_too(
    submit: Make, bob: User, group: Group
) -> None:
    def submit_one_more(sender: Any, **_: Any) -> None:
        submit()

    member_leaving.connect(submit_one_more)
    try:
        groups.leave_group(user=bob, group_id=group.pk)
    finally:
        member_leaving.disconnect(submit_one_more)
    assert statuses() == ["cancelled"]


def test_without_redis_nobody_leaves_and_nothing_is_lost(
    split: Make, bob: User, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    split()

    def fail(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(finish, "progress_of", fail)
    with pytest.raises(ConnectionError):
        groups.leave_group(user=bob, group_id=group.pk)
    assert (statuses(), Membership.objects.filter(user=bob).count()) == (["running"], 1)


# A group closes


def test_all_its_tasks_are_cancelled_and_redis_forgets_them(
    split: Make, submit: Make, lease: Lease, laptop: Worker, alice: User, group: Group
) -> None:
    tasks = [split(), submit(), split(author=alice)]
    assert lease(laptop)
    groups.delete_group(user=alice, group_id=group.pk)
    assert not Task.objects.exists()
    assert sweeping.tasks_with_state(group.pk) == []
    assert [blobs.get_input(group.pk, task.pk) for task in tasks] == [None] * 3
    assert lease(laptop) is None
    purge()
    assert sweeping.groups() == []


def test_results_go_with_the_group(
    split: Make, work: Callable[[Worker], int], laptop: Worker, alice: User, group: Group
) -> None:
    task = split(kind="MEAN", numbers=[1.0, 2.0])
    work(laptop)
    conclude_task(str(task.pk))
    assert blobs.get_result(group.pk, task.pk)
    groups.delete_group(user=alice, group_id=group.pk)
    assert blobs.get_result(group.pk, task.pk) is None
    assert not Contribution.objects.exists()


def test_a_task_that_is_being_concluded_leaves_nothing_behind(
    split: Make, work: Callable[[Worker], int], laptop: Worker, alice: User, group: Group
) -> None:
    task = split()
    work(laptop)
    Task.objects.filter(pk=task.pk).move(states.RUNNING, states.AGGREGATING)
    groups.delete_group(user=alice, group_id=group.pk)
    conclude_task(str(task.pk), attempt=0)
    assert sweeping.tasks_with_state(group.pk) == []
    assert blobs.get_result(group.pk, task.pk) is None


def test_a_member_whose_tasks_somebody_else_cancels_is_notified_once(
    split: Make, alice: User, bob: User, group: Group
) -> None:
    split(author=alice), split(), split()
    groups.delete_group(user=alice, group_id=group.pk)
    (note,) = Notification.objects.filter(code="task_cancelled")
    assert (note.user, note.level, note.task_id, note.group_id) == (bob, "warning", None, group.pk)
    assert (
        note.text
        == "Your running tasks in the group Lab Seven were cancelled: the group has been deleted."
    )


def test_the_workers_of_all_members_are_notified(
    listen: Any, laptop: Worker, tower: Worker, alice: User, group: Group
) -> None:
    heard = [listen(laptop), listen(tower)]
    groups.delete_group(user=alice, group_id=group.pk)
    assert [each() for each in heard] == [["worker.changed"]] * 2


def test_workers_with_leases_of_the_group_are_stopped(
    split: Make,
    lease: Lease,
    tower: Worker,
    alice: User,
    group: Group,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    split()
    granted = lease(tower)
    assert granted
    cancelled: list[tuple[str, str]] = []
    cancel = events.cancel

    def watch(pairs: Any, reason: str) -> Any:
        cancelled.extend(pairs)
        return cancel(pairs, reason)

    monkeypatch.setattr(events, "cancel", watch)
    groups.delete_group(user=alice, group_id=group.pk)
    assert cancelled == [("conn-tower", granted.lease)]


def test_the_last_member_takes_everything_with_him(
    split: Make, alice: User, bob: User, group: Group
) -> None:
    split(author=alice)
    groups.leave_group(user=bob, group_id=group.pk)
    groups.leave_group(user=alice, group_id=group.pk)
    assert not Task.objects.exists()
    assert sweeping.tasks_with_state(group.pk) == []
    assert not Notification.objects.filter(code="task_cancelled").exists()


# An account goes


def test_with_an_account_its_live_tasks_end_and_the_old_ones_stay(
    split: Make, work: Callable[[Worker], int], laptop: Worker, alice: User, bob: User, group: Group
) -> None:
    done = split(kind="MEAN", numbers=[1.0, 2.0])
    work(laptop)
    conclude_task(str(done.pk))
    split()
    accounts.remove_user(bob)
    assert statuses() == ["succeeded", "cancelled"]
    assert list(Task.objects.values_list("creator", flat=True)) == [None, None]
    assert blobs.get_result(group.pk, done.pk)


def test_its_workers_are_notified_after_its_tokens_have_ended(
    listen: Any, tower: Worker, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.create_worker_token(owner=bob, name="tower")
    heard, tokens_at_news, publish = listen(tower), [], events.publish

    def watch(news: Any) -> None:
        tokens_at_news.append(bob.worker_tokens.live().count())
        publish(news)

    monkeypatch.setattr(events, "publish", watch)
    accounts.remove_user(bob)
    assert heard() == ["worker.changed"], "although it was in no group"
    assert tokens_at_news == [0]


def test_what_a_former_members_worker_did_stays_without_a_name(
    split: Make, work: Callable[[Worker], int], tower: Worker, alice: User, bob: User, api: Any
) -> None:
    done = split(author=alice, kind="MEAN", numbers=[1.0, 2.0])
    running = split(author=alice)
    work(tower)
    conclude_task(str(done.pk))
    accounts.remove_user(bob)
    for task in (done, running):
        (row,) = api(alice).get(f"/api/tasks/{task.pk}/").json()["contributions"]
        assert (row["member"], row["worker"]["name"]) == (None, f"machine {tower.pk.hex[:8]}")
        assert row["subtasks"]


def test_a_former_members_worker_is_forgotten_when_no_statistics_speak_of_it(
    split: Make,
    work: Callable[[Worker], int],
    tower: Worker,
    alice: User,
    bob: User,
    make_user: Any,
) -> None:
    task = split(author=alice)
    work(tower)
    conclude_task(str(task.pk))
    idle = Worker.objects.create(owner=bob, name="idle")
    accounts.remove_user(bob)
    assert departures.forget_machines() == 0, "its task may still be running"
    Worker.objects.update(last_seen=timezone.now() - timedelta(days=30))
    kept = Worker.objects.create(
        owner=alice, name="kept", last_seen=timezone.now() - timedelta(days=29)
    )
    assert departures.forget_machines() == 1
    assert set(Worker.objects.values_list("pk", flat=True)) == {tower.pk, kept.pk}
    assert not Worker.objects.filter(pk=idle.pk).exists()
