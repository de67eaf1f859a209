"""What a task would come to, before it is submitted."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from firmlight_client import kinds
from groups.models import Group
from tasks.models import Contribution, Task, Worker
from tasks.queue import connections, sweeping
from tasks.services.conclude import conclude_task

Ask = Callable[..., Any]


@pytest.fixture
def ask(api: Callable[..., APIClient], group: Group, bob: User) -> Ask:
    def post(kind: str = "ECHO", status: int = 200, **params: Any) -> Any:
        body = {"group": str(group.pk), "kind": kind, "params": params}
        found = api(bob).post("/api/tasks/preview/", body)
        assert found.status_code == status, found.content
        return found.json()

    return post


def online(group: Group, worker: Worker, kind: str) -> None:
    version = kinds.get(kind).version
    connections.beat(
        group.pk,
        worker=worker.pk,
        conn="c",
        kinds=[f"{kind}@{version}"],
        slots=worker.slots,
        leases=[],
    ).now()


def test_it_counts_subtasks_and_bytes_and_stores_nothing(ask: Ask) -> None:
    found = ask(count=1000)
    assert (found["subtasks"], found["exact"], found["workers"], found["seconds"]) == (
        1000,
        True,
        [],
        None,
    )
    assert found["payload_bytes"] > found["payload_bytes_max"] > 0
    assert not Task.objects.exists()
    assert sweeping.groups() == []


def test_a_long_split_is_not_counted_to_its_end(ask: Ask, settings: Settings) -> None:
    settings.PREVIEW_SECONDS_MAX = 0
    found = ask(count=100_000)
    assert not found["exact"]
    assert 0 < found["subtasks"] < 100_000


def test_it_names_those_who_would_take_it(ask: Ask, group: Group, laptop: Worker) -> None:
    online(group, laptop, "ECHO")
    (taker,) = ask(count=1)["workers"]
    assert (taker["name"], taker["member"]["username"]) == ("laptop", "alice")
    assert ask("MEAN", numbers=[1, 2])["workers"] == [], "it does not take that kind"


def test_how_long_it_takes_is_estimated_from_earlier_subtasks(
    ask: Ask,
    group: Group,
    laptop: Worker,
    split: Callable[..., Task],
    work: Callable[[Worker], int],
) -> None:
    online(group, laptop, "ECHO")
    task = split(count=10)
    assert work(laptop) == 10
    conclude_task(str(task.pk))
    Contribution.objects.update(compute_seconds=5)  # half a second each
    assert ask(count=200)["seconds"] == {"low": 70, "high": 160}
    Worker.objects.update(slots=2)
    assert ask(count=200)["seconds"] == {"low": 30, "high": 80}


def test_a_file_is_read_as_it_would_be(
    api: Callable[..., APIClient], group: Group, bob: User
) -> None:
    file = BytesIO()
    np.save(file, np.arange(100_000.0))
    file.seek(0)
    file.name = "numbers.npy"
    found = api(bob).post(
        "/api/tasks/preview/",
        {"group": str(group.pk), "kind": "MEAN", "file": file},
        format="multipart",
    )
    assert found.status_code == 200, found.content
    assert found.json()["input_bytes"] >= 800_000


@pytest.mark.parametrize(
    ("kind", "params", "field"),
    [
        ("NOPE", {}, "kind"),
        ("ECHO", {"count": -1}, "params.count"),
        ("FACTORIZATION", {"number": "x"}, "params.number"),
    ],
)
def test_what_is_wrong_is_named_as_at_submit(
    ask: Ask, kind: str, params: dict[str, Any], field: str
) -> None:
    assert field in ask(kind, 400, **params)["fields"]


def test_strangers_learn_nothing(api: Callable[..., APIClient], group: Group, carol: User) -> None:
    body = {"group": str(group.pk), "kind": "ECHO", "params": {"count": 1}}
    assert api(carol).post("/api/tasks/preview/", body).status_code == 400


# A file that can be read in several ways


@pytest.fixture
def send(api: Callable[..., APIClient], group: Group, bob: User) -> Ask:
    """send("preview/", b"1,5", 400, decimal="comma"): the answer to this file with these params
    beside it.
    """

    def post(where: str, content: bytes, status: int, **params: Any) -> Any:
        file = BytesIO(content)
        file.name = "a.csv"
        body = {"group": str(group.pk), "kind": "MEAN", "file": file, "params": json.dumps(params)}
        found = api(bob).post(f"/api/tasks/{where}", body, format="multipart")
        assert found.status_code == status, found.content
        return found.json()

    return post


@pytest.mark.parametrize("where", ["", "preview/"])
def test_a_file_that_can_be_read_in_two_ways_is_asked(send: Ask, where: str) -> None:
    found = send(where, b"1,5\n2,5\n", 400)
    assert found["code"] == "ambiguous_file"
    assert found["choices"] == {"decimal": ["point", "comma"]}
    assert "'1,5' may be one number" in found["fields"]["params.decimal"][0]
    assert not Task.objects.exists()


def test_the_answer_to_the_question_goes_beside_the_file(send: Ask) -> None:
    found = send("preview/", b"1,5\n2,5\n", 200, decimal="comma")
    assert found["summary"]["The first"] == "1.5, 2.5"
    assert found["summary"]["Decimal mark"] == "comma"


def test_columns_are_described_in_the_question_and_in_the_preview(send: Ask) -> None:
    content = b"station,temp,humidity\nA,1.5,80\nB,2.5,70\n"
    asked = send("preview/", content, 400)
    assert asked["choices"] == {"column": ["temp", "humidity"]}
    assert [one["column"] for one in asked["columns"]] == ["station", "temp", "humidity"]
    found = send("preview/", content, 200, column="temp")
    assert (found["summary"]["Numbers"], found["choices"]) == ("2", asked["choices"])
    assert [one["read"] for one in found["columns"]] == [False, True, False]
    assert "column 3 (humidity) is not read: 2 numbers" in found["skipped"]
    wrong = send("", content, 400, column="wind")
    assert (wrong["code"], wrong["choices"]) == ("invalid", asked["choices"])
    assert "params.column" in wrong["fields"]


def test_a_kind_says_what_may_be_given_beside_a_file(
    api: Callable[..., APIClient], bob: User
) -> None:
    known = {kind["name"]: kind["file_params"] for kind in api(bob).get("/api/kinds/").json()}
    assert list(known["MEAN"]["properties"]) == ["column", "decimal", "sheet", "heading"]
    assert known["ECHO"] == {}
