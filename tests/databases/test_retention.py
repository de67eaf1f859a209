"""What is over goes: who did what becomes tallies, the rest is deleted a bite at a time."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.sessions.models import Session as Cookie
from django.utils import timezone

from accounts.audit import purge_entries
from accounts.models import AuditEntry, Notification, Session
from accounts.notifications import purge_notifications
from accounts.services import purge_sessions
from core import batches
from tasks.models import Contribution, FoldedDay, SubtaskFailure, Tally, Task, TaskHistory, Worker
from tasks.services import retention
from tests.support.racing import race

OLD = 400


@pytest.fixture
def laptop(bob):
    return Worker.objects.create(owner=bob, name="laptop")


@pytest.fixture
def make(group, alice, laptop):
    """make(days): a task of Alice that ended so many days ago, at noon, with 10 subtasks that Bob's
    laptop did.
    """

    def ended(days, *helpers, kind="MEAN"):
        noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
        facts = {
            "group": group,
            "creator": alice,
            "kind": kind,
            "kind_version": "1",
            "status": "succeeded",
        }
        task = Task.objects.create(**facts, title="x", finished=noon - timedelta(days=days))
        TaskHistory.objects.create(task=task)
        SubtaskFailure.objects.create(task=task, number=0, subtask=0, error="X", at=noon)
        for worker in helpers or (laptop,):
            Contribution.objects.create(
                task=task, worker=worker, subtasks=10, compute_seconds=1.5, failures=1
            )
        return task

    return ended


def tallies(*fields):
    return sorted(Tally.objects.values_list(*fields), key=str)


def left():
    return [model.objects.count() for model in (Contribution, TaskHistory, SubtaskFailure)]


def test_what_is_old_becomes_tallies_and_what_is_not_stays(make, bob, db):
    for days in (OLD, OLD, OLD + 1, 364):
        make(days)
    assert retention.fold() == 2
    assert tallies("member", "kind", "tasks", "subtasks", "compute_seconds", "failures") == [
        (bob.pk, "MEAN", 1, 10, 1.5, 1),
        (bob.pk, "MEAN", 2, 20, 3.0, 2),
    ]
    assert left() == [1, 1, 1]
    assert Task.objects.count() == 4


def test_tallies_tell_kinds_members_and_former_members_apart(make, laptop, alice, bob, group):
    nobodys = Worker.objects.create(owner=None, name="machine 1")
    second = Worker.objects.create(owner=bob, name="tower")
    make(OLD, laptop, second, nobodys)
    make(OLD, Worker.objects.create(owner=alice, name="desk"), kind="CRAWLER")
    retention.fold()
    assert tallies("kind", "member", "tasks", "subtasks") == sorted(
        [("MEAN", bob.pk, 1, 20), ("MEAN", None, 1, 10), ("CRAWLER", alice.pk, 1, 10)], key=str
    )


def test_folding_again_changes_nothing(make, db):
    make(OLD)
    retention.fold()
    before = list(Tally.objects.values())
    assert retention.fold() == 0
    assert list(Tally.objects.values()) == before


@pytest.mark.parametrize("after", ["_insert", "_empty"])
def test_whoever_dies_in_between_is_followed_by_another(make, monkeypatch, after, db):
    make(OLD)
    step = getattr(retention, after)

    def die(*words):
        step(*words)
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, after, die)
    with pytest.raises(KeyboardInterrupt):
        retention.fold()
    monkeypatch.undo()
    assert retention.fold() == 1
    assert tallies("tasks", "subtasks") == [(1, 10)]
    assert left() == [0, 0, 0]
    assert list(FoldedDay.objects.values_list("emptied", flat=True)) == [True]


def test_two_at_once_do_no_harm(transactional_db, make):
    for days in (OLD, OLD + 1, OLD + 2):
        make(days)
        make(days)
    outcomes = race(retention.fold, retention.fold)
    assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
    retention.fold()
    assert tallies("tasks", "subtasks") == [(2, 20)] * 3
    assert left() == [0, 0, 0]


def test_what_there_is_no_time_for_comes_the_next_time(make, monkeypatch, settings, db):
    for _ in range(3):
        make(OLD)
    monkeypatch.setattr(retention, "TASKS_AT_ONCE", 1)
    settings.PURGE_SECONDS_MAX = 0.1
    ticks = iter([0, 0, 0, 0, 1, 1])
    monkeypatch.setattr(retention, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    assert retention.fold() == 0
    assert left() == [1, 1, 1]
    monkeypatch.undo()
    assert retention.fold() == 1
    assert left() == [0, 0, 0]


def test_bites_are_small_and_nothing_is_left(alice, settings, django_assert_num_queries):
    settings.PURGE_ROWS_MAX = 4
    Notification.objects.bulk_create(
        Notification(user=alice, code="x", text=str(i)) for i in range(10)
    )
    assert [len(keys) for keys in eaten(Notification.objects.all())] == [4, 4, 2]
    assert not Notification.objects.exists()


def eaten(rows):
    for keys in batches.key_batches(rows):
        rows.model.objects.filter(pk__in=keys).delete()
        yield keys


def test_notifications_audit_and_sessions_go_by_their_own_settings(alice, settings):
    settings.PURGE_ROWS_MAX, settings.NOTIFICATION_DAYS, settings.AUDIT_DAYS = 2, 10, 20
    now = timezone.now()
    for days in (5, 15, 15, 15, 25):
        when = now - timedelta(days=days)
        Notification.objects.create(user=alice, code="x", text="x", created=when)
        AuditEntry.objects.create(action="x", created=when)
        Session.objects.create(user=alice, expires=when + timedelta(days=7))
        Cookie.objects.create(
            session_key=f"{days}{Cookie.objects.count()}", expire_date=when + timedelta(days=7)
        )
    assert (purge_notifications(), purge_entries(), purge_sessions()) == (4, 1, 4)
    assert Notification.objects.count() == Session.objects.count() == Cookie.objects.count() == 1
    assert AuditEntry.objects.count() == 4
