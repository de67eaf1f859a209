"""REST for tasks: what owner, member, stranger and nobody get; the shape of each answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from firmlight_client import kinds
from groups.models import Group
from tasks import blobs, states
from tasks.models import Task, Worker
from tasks.queue import leasing, sweeping
from tasks.services.conclude import conclude_task
from tasks.services.finish import fail_task
from tests.support.databases import queries_max

Api = Callable[..., APIClient]
Make = Callable[..., Task]

FIELDS = {
    "id", "group", "kind", "title", "description", "status", "priority", "allow_partial",
    "creator", "progress", "eta_seconds", "rate", "waiting_reason", "counts", "error", "created",
    "started", "finished", "withdrawn", "result_expires", "contributions", "deadline",
    "subtask_seconds_max", "failures", "verify", "verify_asked", "verification",
}  # fmt: skip


def submission(group: Group, /, **changes: Any) -> dict[str, Any]:
    return {"group": str(group.pk), "kind": "ECHO", "params": {"count": 2}} | changes


def test_a_member_submits_and_gets_the_whole_task(api: Api, bob: User, group: Group) -> None:
    answer = api(bob).post(
        "/api/tasks/", submission(group, title="Two echoes", description="Just to see")
    )
    assert answer.status_code == 201
    task = answer.json()
    assert task.keys() == FIELDS
    assert (task["title"], task["description"], task["status"]) == (
        "Two echoes",
        "Just to see",
        "queued",
    )
    assert task["creator"] == {"id": str(bob.pk), "username": "bob"}
    assert task["counts"] == {"total": 0, "done": 0, "leased": 0, "waiting": 0, "failed": 0}
    assert task["waiting_reason"] == "No worker of this group that accepts ECHO is online."


def test_a_title_is_made_if_none_is_given(api: Api, bob: User, group: Group) -> None:
    assert (
        api(bob).post("/api/tasks/", submission(group)).json()["title"] == kinds.get("ECHO").title
    )


def test_a_file_comes_as_multipart_beside_params(api: Api, bob: User, group: Group) -> None:
    file = SimpleUploadedFile("numbers.csv", b"1;2;3\n4;5;6\n")
    body = {"group": "Lab Seven", "kind": "MEAN", "params": "{}", "file": file, "verify": "all"}
    answer = api(bob).post("/api/tasks/", body, format="multipart")
    assert answer.status_code == 201, answer.content
    assert answer.json()["verify"] == "all"
    assert blobs.get_input(group.pk, answer.json()["id"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"group": None}, "group"),
        ({"kind": ""}, "kind"),
        ({"kind": "NONSENSE"}, "kind"),
        ({"params": [1]}, "params"),
        ({"params": "{"}, "params"),
        ({"params": {"count": -1}}, "params.count"),
        ({"params": {"count": 1, "extra": 1}}, "params.extra"),
        ({"priority": "urgent"}, "priority"),
        ({"allow_partial": "perhaps"}, "allow_partial"),
        ({"verify": "perhaps"}, "verify"),
        ({"verify": None}, "verify"),
        ({"title": "x" * 121}, "title"),
        ({"description": "x" * 2001}, "description"),
        ({"title": "nul \x00"}, "title"),
    ],
)
def test_what_is_wrong_is_named(
    api: Api, bob: User, group: Group, changes: dict[str, Any], field: str
) -> None:
    answer = api(bob).post("/api/tasks/", submission(group, **changes))
    assert answer.status_code == 400, answer.content
    body = answer.json()
    assert body["code"] == "invalid"
    assert list(body["fields"]) == [field]
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("ECHO", {"count": "\ud800"}),
        ("ECHO", {"count": 1, "\ud800": 1}),
        ("MEAN", {"numbers": "\ud800"}),
        ("FACTORIZATION", {"number": "\ud800"}),
        ("CRAWLER", {"urls": ["http://\ud800.example"]}),
    ],
)
def test_half_a_surrogate_pair_is_what_is_wrong_and_ends_no_process(
    api: Api, bob: User, group: Group, kind: str, params: dict[str, Any]
) -> None:
    body = json.dumps(submission(group, kind=kind, params=params))
    answer = api(bob).post("/api/tasks/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content


def test_a_body_that_is_no_json_is_a_clear_400(api: Api, bob: User) -> None:
    answer = api(bob).post("/api/tasks/", "{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_an_upload_beyond_the_limit_is_refused(
    api: Api, bob: User, group: Group, settings: Settings
) -> None:
    settings.UPLOAD_BYTES_MAX = 10
    body = {
        "group": "Lab Seven",
        "kind": "MEAN",
        "params": "{}",
        "file": SimpleUploadedFile("x.csv", b"1\n" * 10),
    }
    answer = api(bob).post("/api/tasks/", body, format="multipart")
    assert answer.json()["fields"] == {"file": ["At most 10 bytes."]}


def test_high_priority_is_for_owner_and_moderators(
    api: Api, alice: User, bob: User, group: Group
) -> None:
    assert api(bob).post("/api/tasks/", submission(group, priority="high")).status_code == 403
    assert api(alice).post("/api/tasks/", submission(group, priority="high")).status_code == 201


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("get", "result/"), ("post", "cancel/")])
def test_strangers_get_404_and_nobody_401(
    api: Api, carol: User, submit: Make, method: str, path: str
) -> None:
    url = f"/api/tasks/{submit().pk}/{path}"
    assert getattr(api(carol), method)(url).status_code == 404
    assert getattr(api(), method)(url).status_code == 401
    assert getattr(api(carol), method)(f"/api/tasks/{uuid4()}/{path}").status_code == 404


def test_nobody_lists_or_submits(api: Api, group: Group) -> None:
    for url in ("/api/tasks/", "/api/kinds/", "/api/workers/"):
        assert api().get(url).status_code == 401
    assert api().post("/api/tasks/", submission(group)).status_code == 401


def test_a_list_holds_the_tasks_of_ones_groups_only(
    api: Api, alice: User, carol: User, submit: Make
) -> None:
    task = submit()
    mine = api(alice).get("/api/tasks/").json()
    assert (mine["count"], mine["results"][0]["id"]) == (1, str(task.pk))
    assert api(carol).get("/api/tasks/").json()["results"] == []


def test_a_list_says_how_far_each_task_is(api: Api, alice: User, submit: Make) -> None:
    new, ended = submit(), submit()
    Task.objects.filter(pk=ended.pk).update(status=states.SUCCEEDED)
    found = {row["id"]: row["progress"] for row in api(alice).get("/api/tasks/").json()["results"]}
    assert found == {str(new.pk): 0.0, str(ended.pk): 1.0}


def test_many_calls_of_a_kind_are_listed_with_it(api: Api, alice: User, submit: Make) -> None:
    submit(kind="MEAN", numbers=[1])
    many = submit(kind="MEAN[]", calls=[{"numbers": [1]}, {"numbers": [2]}])
    submit(kind="FACTORIZATION", number=6)
    assert api(alice).get("/api/tasks/?kind=MEAN").json()["count"] == 2
    assert [row["id"] for row in api(alice).get("/api/tasks/?kind=MEAN[]").json()["results"]] == [
        str(many.pk)
    ]


def test_lists_filter_by_status_kind_creator_and_words(
    api: Api, alice: User, bob: User, submit: Make
) -> None:
    echo, factors = submit(), submit(author=alice, kind="FACTORIZATION", number="91")
    fail_task(echo, "split_failed", "no")
    Task.objects.filter(pk=factors.pk).update(
        title="Ninety-one", description="seven times thirteen"
    )
    client = api(bob)

    def found(query: str) -> list[str]:
        return [row["id"] for row in client.get(f"/api/tasks/?{query}").json()["results"]]

    assert found("status=failed") == [str(echo.pk)]
    assert found("status=failed&status=queued") == [str(factors.pk), str(echo.pk)]
    assert found("kind=FACTORIZATION") == [str(factors.pk)]
    assert found(f"creator={bob.pk}") == [str(echo.pk)]
    assert found("search=NINETY") == [str(factors.pk)]
    assert found("search=thirteen") == [str(factors.pk)]
    assert found("search=NI") == [str(factors.pk)]
    assert found("search=th") == [], "two letters are looked for in titles only"
    assert found(f"group={uuid4()}") == []
    assert client.get("/api/tasks/?status=nonsense").json()["fields"].keys() == {"status"}


def test_a_list_costs_few_queries(
    api: Api, bob: User, submit: Make, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        submit()
    client = api(bob)
    with django_assert_max_num_queries(queries_max(4, joins=1)):
        assert client.get("/api/tasks/").json()["count"] == 20


def test_a_running_task_shows_where_it_stands(
    api: Api, bob: User, split: Make, lease: Any, laptop: Worker
) -> None:
    task = split(count=4)
    granted = lease(laptop)
    shown = api(bob).get(f"/api/tasks/{task.pk}/").json()
    assert shown["counts"] == {"total": 4, "done": 0, "leased": 1, "waiting": 3, "failed": 0}
    leasing.complete(
        granted.lease, worker=laptop.pk, subtasks=granted.subtasks, partial=b"\x93\x01\x00\x90"
    ).now()
    shown = api(bob).get(f"/api/tasks/{task.pk}/").json()
    assert (shown["counts"]["done"], shown["progress"]) == (1, 0.25)
    assert shown["eta_seconds"] is not None
    (row,) = shown["contributions"]
    assert (row["worker"]["name"], row["member"]["username"], row["status"]) == (
        "laptop",
        "alice",
        "working",
    )


def test_the_result_is_the_result_itself(
    api: Api, alice: User, split: Make, work: Any, laptop: Worker
) -> None:
    task = split(kind="MEAN", numbers=[1.0, 2.0, 4.0])
    work(laptop)
    conclude_task(str(task.pk))
    answer = api(alice).get(f"/api/tasks/{task.pk}/result/")
    assert answer["content-type"] == "application/json"
    result = answer.json()
    assert sum(result.pop("histogram")["counts"]) == 3
    assert result == {"count": 3, "mean": 7 / 3, "variance": 14 / 9, "min": 1.0, "max": 4.0}
    shown = api(alice).get(f"/api/tasks/{task.pk}/").json()
    assert (shown["status"], shown["progress"], shown["contributions"][0]["share"]) == (
        "succeeded",
        1.0,
        100.0,
    )
    assert shown["result_expires"] > shown["finished"]


def test_a_result_that_is_not_there_says_why(
    api: Api, bob: User, submit: Make, split: Make, work: Any, laptop: Worker
) -> None:
    def refusal(task: Task) -> tuple[int, str, str]:
        answer = api(bob).get(f"/api/tasks/{task.pk}/result/")
        return answer.status_code, answer.json()["code"], answer.json()["message"]

    assert refusal(submit()) == (409, "result_not_ready", "The task is queued.")
    failed = submit()
    fail_task(failed, "split_failed", "It is too large.")
    assert refusal(failed) == (409, "task_failed", "It is too large.")
    done = split()
    while done.status == states.RUNNING:
        work(laptop)
        conclude_task(str(done.pk))
        done.refresh_from_db()
    blobs.drop_result(done.group_id, done.pk)
    assert refusal(done)[:2] == (410, "result_expired")


def test_its_creator_and_those_who_lead_may_cancel(
    api: Api, alice: User, bob: User, make_user: Any, group: Group, submit: Make
) -> None:
    other = make_user("dora")
    group.memberships.create(user=other)
    task = submit()
    url = f"/api/tasks/{task.pk}/cancel/"
    assert api(other).post(url).status_code == 403
    assert api(bob).post(url).json()["status"] == "cancelled"
    assert api(alice).post(f"/api/tasks/{submit().pk}/cancel/").json()["status"] == "cancelled"
    again = api(bob).post(url)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert sweeping.tasks_with_state(group.pk) == []


def test_kinds_describe_their_input(api: Api, carol: User) -> None:
    found = {row["name"]: row for row in api(carol).get("/api/kinds/").json()}
    assert {"CRAWLER", "ECHO", "FACTORIZATION", "MEAN"} <= found.keys()
    assert found["ECHO"]["params"]["properties"]["count"]["maximum"] == 10_000_000
    assert ".csv" in found["MEAN"]["file_suffixes"]
    json.dumps(found)


def test_everybody_sees_their_own_workers(api: Api, alice: User, bob: User, laptop: Worker) -> None:
    (row,) = api(alice).get("/api/workers/").json()["results"]
    assert row["name"] == "laptop"
    assert api(alice).get(f"/api/workers/{laptop.pk}/").status_code == 200
    assert api(bob).get(f"/api/workers/{laptop.pk}/").status_code == 404
