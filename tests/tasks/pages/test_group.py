"""Lists of tasks: the page of a group, and one's own tasks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from groups.models import Group, Membership
from tasks.models import Contribution, Task, Worker
from tasks.pages.fragments.changes import Changes
from tasks.pages.fragments.group import MEMBERS_SHOWN, RANKED_AT_ONCE, ROWS_MAX, GroupPage, _week
from tasks.pages.fragments.rows import task_rows
from tasks.queue import connections
from tasks.queue.answers import Granted
from tasks.services.conclude import conclude_task
from tests.support.pages import read, words

Browser = Callable[..., Client]


def titles(answer: object) -> list[str]:
    return [
        text.strip()
        for _, attrs, text in read(answer).elements
        if attrs.get("class") == "title-link"
    ]


@pytest.fixture
def some_tasks(group: Group, alice: User, bob: User) -> None:
    for number, (creator, kind, status) in enumerate(
        [(alice, "ECHO", "succeeded"), (bob, "ECHO", "failed"), (bob, "MEAN", "succeeded")]
    ):
        Task.objects.create(
            group=group, creator=creator, kind=kind, title=f"number {number}", status=status
        )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["number 2", "number 1", "number 0"]),
        ("member=BOB", ["number 2", "number 1"]),
        ("member=bob&kind=ECHO", ["number 1"]),
        ("kind=MEAN", ["number 2"]),
        ("status=succeeded&search=0", ["number 0"]),
        ("member=nobody", []),
    ],
)
def test_a_groups_tasks_are_narrowed_by_member_kind_status_and_words(
    some_tasks: None, group: Group, bob: User, browser: Browser, asked: str, found: list[str]
) -> None:
    answer = browser(bob).get(f"/groups/{group.pk}/?{asked}")
    assert titles(answer) == found
    assert ("No task matches" in words(answer)) == (not found)


def test_ones_own_tasks_are_those_one_submitted_to_groups_one_is_in(
    some_tasks: None, group: Group, alice: User, bob: User, browser: Browser
) -> None:
    assert titles(browser(alice).get("/tasks/")) == ["number 0"]
    answer = browser(bob).get("/tasks/")
    assert titles(answer) == ["number 2", "number 1"]
    assert f"in {group.name}" in words(answer)
    Membership.objects.filter(user=bob).delete()
    answer = browser(bob).get("/tasks/")
    assert titles(answer) == []
    assert "What you submit to any of your groups appears here." in words(answer)


def test_a_row_says_how_far_a_task_is_why_it_waits_or_how_it_ended(
    split: Callable[..., Task], laptop: Worker, work: Callable[[Worker], int]
) -> None:
    task = split(count=4)
    (row,) = task_rows([task])
    assert (row.percent, row.workers) == (0.0, 0)
    assert row.says == "No worker of this group that accepts ECHO is online."
    work(laptop)
    conclude_task(str(task.pk))
    task.refresh_from_db()
    (row,) = task_rows([task])
    assert (row.percent, row.workers, row.status) == (None, 1, "succeeded")
    assert row.says.startswith("took ")


def test_a_list_of_many_takes_no_more_queries_than_one_of_few(
    group: Group, bob: User, browser: Browser, django_assert_max_num_queries: Callable[..., object]
) -> None:
    Task.objects.bulk_create(
        Task(group=group, creator=bob, kind="ECHO", title=f"t{i}", status="succeeded")
        for i in range(60)
    )
    client = browser(bob)
    client.get(f"/groups/{group.pk}/")
    with django_assert_max_num_queries(16):  # type: ignore[attr-defined]
        assert len(titles(client.get(f"/groups/{group.pk}/"))) == 25


# What moves


@pytest.fixture
def watched(group: Group) -> Changes:
    return Changes(GroupPage(group.pk).fragments)


def changed(watched: Changes) -> dict[str, str]:
    news = watched.news()
    assert news
    return {key: html for key, _, html in news["parts"]}


def test_a_group_that_nothing_happens_in_has_no_news(
    watched: Changes, split: Callable[..., Task]
) -> None:
    split(count=2)
    assert {"online", "pace", "week"} <= changed(watched).keys()
    assert changed(watched) == {}


def test_a_task_that_moves_is_reported_until_it_has_ended(
    watched: Changes, split: Callable[..., Task], laptop: Worker, work: Callable[[Worker], int]
) -> None:
    task = split(count=2)
    assert 'value="0.0"' in changed(watched)[f"task-{task.pk}"]
    work(laptop)
    assert 'value="100.0"' in changed(watched)[f"task-{task.pk}"]
    conclude_task(str(task.pk))
    assert "succeeded" in changed(watched)[f"task-{task.pk}"]
    Task.objects.filter(pk=task.pk).update(changed=timezone.now() - timedelta(hours=1))
    assert watched.news() == {"parts": [], "gone": [f"task-{task.pk}"]}, "it is old news then"


def test_a_short_task_that_nobody_saw_run_is_reported_too(
    watched: Changes, split: Callable[..., Task], laptop: Worker, work: Callable[[Worker], int]
) -> None:
    changed(watched)
    task = split(count=1)
    work(laptop)
    conclude_task(str(task.pk))
    assert "succeeded" in changed(watched)[f"task-{task.pk}"]


def test_a_worker_shows_its_slots_and_what_it_runs_and_goes_when_it_leaves(
    watched: Changes,
    group: Group,
    split: Callable[..., Task],
    lease: Callable[..., Granted],
    alice: User,
) -> None:
    desk = Worker.objects.create(owner=alice, name="<desk>", slots=3)
    kinds = ["ECHO@1"]
    connections.beat(group.pk, worker=desk.pk, conn="c", kinds=kinds, slots=3, leases=[]).now()
    seen = changed(watched)
    assert "&lt;desk&gt;" in seen[f"worker-{desk.pk}"]
    assert "0 of 3 slots at work" in seen[f"worker-{desk.pk}"]
    task = split(count=9)
    lease(desk)
    seen = changed(watched)
    assert "1 of 3 slots at work" in seen[f"worker-{desk.pk}"]
    assert task.title in seen[f"worker-{desk.pk}"]
    assert "1 of 3 slots lit" in seen["online"]
    connections.leave(group.pk, worker=desk.pk, conn="c", kinds=kinds, how=connections.LOST).now()
    news = watched.news()
    assert news and f"worker-{desk.pk}" in news["gone"]


def test_of_very_many_running_tasks_only_the_newest_are_reported(
    group: Group, bob: User, watched: Changes
) -> None:
    Task.objects.bulk_create(
        Task(group=group, creator=bob, kind="ECHO", title=f"t{i}", status="queued")
        for i in range(ROWS_MAX + 20)
    )
    assert len([key for key in changed(watched) if key.startswith("task-")]) == ROWS_MAX


# The week


def test_the_week_counts_members_by_the_day_on_which_their_tasks_ended(
    group: Group, alice: User, bob: User
) -> None:
    now = timezone.now()
    for owner, days, seconds in (
        (alice, 0, 7200),
        (alice, 2, 1800),
        (bob, 1, 90),
        (bob, 9, 99_999),
    ):
        task = Task.objects.create(
            group=group,
            creator=bob,
            kind="ECHO",
            status="succeeded",
            finished=now - timedelta(days=days),
        )
        worker, _ = Worker.objects.get_or_create(owner=owner, name="w")
        Contribution.objects.create(task=task, worker=worker, compute_seconds=seconds)
    week = GroupPage(group.pk).state().week
    assert [(row.name, row.seconds) for row in week.members] == [("alice", 9000), ("bob", 90)]
    assert [column.height for column in week.members[0].columns] == [0, 0, 0, 0, 6, 0, 22]
    assert week.members[1].says == "bob: 2 min of computing in seven days"
    assert week.seconds == 9090


def test_of_many_members_those_who_computed_most_are_drawn_and_all_are_counted(
    group: Group, bob: User, django_assert_max_num_queries: Any
) -> None:
    task = Task.objects.create(
        group=group, creator=bob, kind="ECHO", status="succeeded", finished=timezone.now()
    )
    people = User.objects.bulk_create(
        User(username=f"p{i}", username_key=f"p{i}", email=f"p{i}@example.org")
        for i in range(2 * MEMBERS_SHOWN)
    )
    Membership.objects.bulk_create(
        Membership(group=group, user=user, owner_key=str(user.pk)) for user in people
    )
    workers = Worker.objects.bulk_create(Worker(owner=user, name="w") for user in people)
    Contribution.objects.bulk_create(
        Contribution(task=task, worker=worker, compute_seconds=i + 1)
        for i, worker in enumerate(workers)
    )
    with django_assert_max_num_queries(2):
        week = _week(group.pk)
    assert [row.name for row in week.members] == [
        f"p{i}" for i in reversed(range(MEMBERS_SHOWN, 2 * MEMBERS_SHOWN))
    ]
    assert week.seconds == sum(range(1, 2 * MEMBERS_SHOWN + 1))


def test_a_former_member_is_not_named(group: Group, bob: User, carol: User) -> None:
    task = Task.objects.create(
        group=group, creator=bob, kind="ECHO", status="succeeded", finished=timezone.now()
    )
    for owner in (carol, None):
        worker = Worker.objects.create(owner=owner, name="w")
        Contribution.objects.create(task=task, worker=worker, compute_seconds=5)
    week = GroupPage(group.pk).state().week
    assert (week.members, week.seconds) == ((), 5)


def test_many_former_members_hide_nobody(group: Group, bob: User) -> None:
    task = Task.objects.create(
        group=group, creator=bob, kind="ECHO", status="succeeded", finished=timezone.now()
    )
    left = User.objects.bulk_create(
        User(username=f"p{i}", username_key=f"p{i}", email=f"p{i}@example.org")
        for i in range(RANKED_AT_ONCE)
    )
    for owner, seconds in (*((user, 9) for user in left), (bob, 5)):
        Contribution.objects.create(
            task=task, worker=Worker.objects.create(owner=owner, name="w"), compute_seconds=seconds
        )
    assert [row.name for row in _week(group.pk).members] == ["bob"]
