"""How the API says how much of a task is checked, and how its result was."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from groups.models import Group
from tasks.models import Task, Worker
from tasks.services.conclude import conclude_task
from tasks.verification import Verification

Api = Callable[..., APIClient]
CHECKED = Verification(how="sample", checked_share=0.04, owners=2)
SENTENCE = "4 % recomputed by two other members, all agreed."


@pytest.fixture
def done(split: Callable[..., Task], work: Callable[[Worker], int], laptop: Worker) -> Task:
    """Bob's task, which has its result from before results said how they were checked."""
    task = split(kind="MEAN", numbers=[1.0, 2.0, 4.0])
    work(laptop)
    conclude_task(str(task.pk))
    Task.objects.filter(pk=task.pk).update(verification=None)
    task.refresh_from_db()
    return task


def check(task: Task) -> None:
    Task.objects.filter(pk=task.pk).update(verification=CHECKED.plain())


def test_a_submission_that_asks_for_less_than_the_group_is_raised_and_the_answer_says_so(
    api: Api, bob: User, group: Group
) -> None:
    Group.objects.filter(pk=group.pk).update(verify_default="all")
    body = {"group": str(group.pk), "kind": "ECHO", "params": {"count": 2}}
    raised = api(bob).post("/api/tasks/", {**body, "verify": "none"}).json()
    assert (raised["verify"], raised["verify_asked"]) == ("all", "none")
    silent = api(bob).post("/api/tasks/", body).json()
    assert (silent["verify"], silent["verify_asked"]) == ("all", "")


def test_a_task_says_how_its_result_was_checked_alone_and_in_a_list(
    api: Api, bob: User, done: Task
) -> None:
    def shown() -> list[Any]:
        alone = api(bob).get(f"/api/tasks/{done.pk}/").json()
        (listed,) = api(bob).get("/api/tasks/").json()["results"]
        assert alone["verify"] == listed["verify"] == "auto"
        return [alone["verification"], listed["verification"]]

    assert shown() == [None, None]
    check(done)
    facts = {
        "how": "sample",
        "checked_share": 0.04,
        "owners": 2,
        "disagreements": 0,
        "reason": "",
        "taken_out": 0,
        "replaces": False,
        "sentence": SENTENCE,
    }
    assert shown() == [facts, facts]


def test_a_result_stays_what_it_is_and_a_header_says_how_it_was_checked(
    api: Api, browser: Callable[..., Client], bob: User, done: Task
) -> None:
    def answers() -> list[Any]:
        pages = [browser(bob).get(f"/tasks/{done.pk}/result.{end}") for end in ("json", "csv")]
        return [api(bob).get(f"/api/tasks/{done.pk}/result/"), *pages]

    before = [answer.getvalue() for answer in answers()]
    assert [answer.headers.get("Firmlight-Verification") for answer in answers()] == [None] * 3
    check(done)
    after = answers()
    assert [answer.getvalue() for answer in after] == before
    for answer in after:
        said = json.loads(answer.headers["Firmlight-Verification"])
        assert said == {**CHECKED.plain(), "sentence": SENTENCE}


def test_a_result_that_is_withdrawn_is_not_handed_out_and_the_task_says_when(
    api: Api, browser: Callable[..., Client], bob: User, done: Task
) -> None:
    assert api(bob).get(f"/api/tasks/{done.pk}/").json()["withdrawn"] is None
    Task.objects.filter(pk=done.pk).update(pending_until=timezone.now())
    gone = Verification(how="none", reason="withdrawn")
    assert Task.objects.filter(pk=done.pk).withdraw(verification=gone.plain()) == 1
    found = api(bob).get(f"/api/tasks/{done.pk}/").json()
    assert (found["status"], found["finished"]) == ("running", None)
    assert found["withdrawn"]
    assert found["verification"]["sentence"] == "Withdrawn: a part of it was wrong."
    answer = api(bob).get(f"/api/tasks/{done.pk}/result/")
    assert (answer.status_code, answer.json()["code"]) == (409, "result_withdrawn")
    page = browser(bob).get(f"/tasks/{done.pk}/")
    assert "Its result was withdrawn, because a part of it was wrong." in page.text
    for rest in ("result/", "result.json", "result.csv"):
        assert browser(bob).get(f"/tasks/{done.pk}/{rest}").status_code == 409
