"""How many tasks and workers one user and one group may have, or make in a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from core import throttling
from firmlight_client import protocol
from groups.models import Group
from tasks import states
from tasks.models import Contribution, Task, Worker
from tasks.queue import room as reservations
from tasks.queue import sweeping
from tasks.services import departures
from tasks.services import submit as submitting
from tasks.services.submit import TooManyTasks, submit_task
from tasks.services.workers import TooManyWorkers, enrol
from tests.support.pages import words
from tests.support.racing import race

FORM = {"kind": "ECHO", "param-count": "1", "priority": "normal"}
LIMITS = ("TASKS_LIVE_PER_USER_MAX", "TASKS_LIVE_PER_GROUP_MAX")


@pytest.fixture
def post(api: Any, group: Group) -> Callable[[User], Any]:
    body = {"group": str(group.pk), "kind": "ECHO", "params": {"count": 1}}
    return lambda user: api(user).post("/api/tasks/", body)


@pytest.mark.parametrize("setting", LIMITS)
def test_a_submission_beyond_the_live_tasks_has_to_wait(
    setting: str, settings: Any, post: Any, browser: Any, group: Group, bob: User
) -> None:
    setattr(settings, setting, 2)
    tasks = [post(bob).json()["id"] for _ in range(2)]
    answer = post(bob)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tasks")
    assert answer["Retry-After"] == "10"
    page = browser(bob).post(f"/groups/{group.pk}/tasks/new/", {**FORM, "key": str(uuid4())})
    assert page.status_code == 429
    assert "2 tasks under way, the maximum" in words(page)
    assert Task.objects.count() == 2
    Task.objects.filter(pk=tasks[0]).move(states.QUEUED, states.CANCELLED)
    assert post(bob).status_code == 201


def test_a_users_limit_does_not_concern_others_and_a_groups_does(
    settings: Any, post: Any, alice: User, bob: User
) -> None:
    settings.TASKS_LIVE_PER_USER_MAX = 1
    assert [post(bob).status_code, post(bob).status_code, post(alice).status_code] == [
        201,
        429,
        201,
    ]
    settings.TASKS_LIVE_PER_USER_MAX, settings.TASKS_LIVE_PER_GROUP_MAX = 9, 2
    assert post(alice).json()["message"].startswith("This group has 2 tasks under way")


def test_a_paused_task_counts(settings: Any, post: Any, bob: User) -> None:
    settings.TASKS_LIVE_PER_USER_MAX = 1
    post(bob)
    Task.objects.all().move(states.QUEUED, states.PAUSED)
    assert post(bob).status_code == 429


def test_the_same_submission_again_is_no_further_one(
    settings: Any, group: Group, bob: User
) -> None:
    settings.TASKS_LIVE_PER_USER_MAX = 1
    facts: dict[str, Any] = {
        "author": bob,
        "group": group.pk,
        "kind": "ECHO",
        "params": {"count": 1},
        "key": "k",
    }
    assert submit_task(**facts) == submit_task(**facts)


def test_simultaneous_submissions_do_not_pass_the_limit(
    transactional_db: None, settings: Any, group: Group, bob: User
) -> None:
    settings.TASKS_LIVE_PER_USER_MAX = 3

    def submit() -> Task:
        return submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})

    outcomes = race(*[submit] * 6)
    assert all(isinstance(one, Task | TooManyTasks) for one in outcomes), outcomes
    made = [one.pk for one in outcomes if isinstance(one, Task)]
    assert len(made) <= 3
    assert set(Task.objects.values_list("pk", flat=True)) == set(made)


def test_what_was_refused_leaves_nothing_in_redis(
    settings: Any, monkeypatch: pytest.MonkeyPatch, group: Group, bob: User
) -> None:
    monkeypatch.setattr("tasks.services.submit.check_room", lambda author, group: None)
    settings.TASKS_LIVE_PER_USER_MAX = 0
    with pytest.raises(TooManyTasks):
        submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})
    assert not Task.objects.exists()
    assert not sweeping.tasks_with_state(group.pk)
    assert list(reservations.reservations()) == []


def test_a_user_submits_so_many_tasks_a_day(
    settings: Any, monkeypatch: pytest.MonkeyPatch, post: Any, alice: User, bob: User
) -> None:
    monkeypatch.setattr(throttling.time, "time", lambda: 20_000 * 86_400.0 - 10)
    settings.TASKS_PER_DAY_MAX = 1
    assert post(bob).status_code == 201
    Task.objects.all().move(states.QUEUED, states.CANCELLED)
    answer = post(bob)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tasks_today")
    assert answer["Retry-After"] == "10"
    assert post(alice).status_code == 201
    assert Task.objects.count() == 2


def test_submissions_refused_for_the_day_reserve_and_read_nothing(
    settings: Any, monkeypatch: pytest.MonkeyPatch, post: Any, bob: User
) -> None:
    settings.TASKS_PER_DAY_MAX = 1
    post(bob)
    before = list(reservations.reservations())

    def read(*_: Any, **__: Any) -> bytes:
        raise AssertionError("it was read")

    monkeypatch.setattr(submitting, "read_params", read)
    for _ in range(5):
        assert post(bob).json()["code"] == "too_many_tasks_today"
    assert list(reservations.reservations()) == before
    assert len(before) == 1


def test_what_was_not_accepted_does_not_count_for_the_day(
    settings: Any, api: Any, post: Any, group: Group, bob: User
) -> None:
    settings.TASKS_PER_DAY_MAX, settings.TASKS_LIVE_PER_USER_MAX = 2, 1
    body = {"group": str(group.pk), "kind": "ECHO", "params": {"count": 0}}
    assert [api(bob).post("/api/tasks/", body).status_code for _ in range(3)] == [400] * 3
    assert post(bob).status_code == 201
    assert [post(bob).json()["code"] for _ in range(3)] == ["too_many_tasks"] * 3
    Task.objects.all().move(states.QUEUED, states.CANCELLED)
    assert post(bob).status_code == 201


def hello(name: str) -> protocol.Hello:
    return protocol.Hello(name=name, slots=1, kinds={}, client_version="0.1.0")


def test_a_users_workers_have_so_many_names(settings: Any, alice: User, bob: User) -> None:
    settings.WORKERS_PER_USER_MAX = 2
    for name in ("attic", "tower"):
        enrol(bob, hello(name))
    with pytest.raises(TooManyWorkers, match="2 names within 1 d"):
        enrol(bob, hello("cellar"))
    assert enrol(bob, hello("attic")).name == "attic"
    assert enrol(alice, hello("cellar")).name == "cellar"
    assert Worker.objects.filter(owner=bob).count() == 2


def test_names_that_were_not_used_for_long_do_not_count(settings: Any, bob: User) -> None:
    settings.WORKERS_PER_USER_MAX = 1
    enrol(bob, hello("attic"))
    Worker.objects.update(last_seen=timezone.now() - timedelta(days=2))
    assert enrol(bob, hello("tower")).name == "tower"


def test_simultaneous_workers_do_not_pass_the_limit(
    transactional_db: None, settings: Any, bob: User
) -> None:
    settings.WORKERS_PER_USER_MAX = 3
    outcomes = race(*[lambda n=n: enrol(bob, hello(f"machine-{n}")) for n in range(6)])
    refused = [one for one in outcomes if isinstance(one, Exception)]
    assert all(isinstance(one, TooManyWorkers) for one in refused), refused
    assert Worker.objects.filter(owner=bob).count() == 6 - len(refused) <= 3


def test_workers_not_seen_for_long_are_deleted_unless_they_count_for_something(
    settings: Any, split: Any, bob: User
) -> None:
    task = split(count=1)
    long_ago = timezone.now() - timedelta(days=settings.WORKER_UNSEEN_DAYS + 1)
    facts = {"owner": bob, "last_seen": long_ago}
    Worker.objects.create(**facts, name="gone")
    helper = Worker.objects.create(**facts, name="helper")
    Contribution.objects.create(task=task, worker=helper)
    Worker.objects.create(**facts, name="blocked", suspended=long_ago, blocked=True)
    Worker.objects.create(owner=bob, name="fresh")
    assert departures.forget_machines() == 1
    assert set(Worker.objects.values_list("name", flat=True)) == {"helper", "blocked", "fresh"}
