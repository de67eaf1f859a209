"""The Python client: submit, wait, get, and what can go wrong."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from firmlight_client import errors
from firmlight_client.auth.login_file import FileTokens, Login, LoginFile
from firmlight_client.sdk.client import Client, Moment
from tests.client.web_peer import WebPeer

BIG = 10**40 + 1


def later(seconds: float, action: object, *args: object) -> None:
    threading.Timer(seconds, action, args).start()  # type: ignore[arg-type]


@pytest.mark.usefixtures("only_push")
def test_a_result_comes_as_soon_as_it_is_there_and_exact(web: WebPeer, client: Client) -> None:
    task = client.submit("FACTORIZATION", group="Lab Seven", title="Mine", number=BIG)
    assert web.asked[-1][2] == {
        "group": "Lab Seven",
        "kind": "FACTORIZATION",
        "title": "Mine",
        "params": {"number": BIG},
    }
    later(0.3, web.end, task.id, {"number": BIG})
    assert task.result(timeout=20) == {"number": BIG}
    assert [path for method, path, _ in web.asked if method == "GET"] == [
        f"tasks/{task.id}/result/"
    ]


def test_every_change_can_be_watched(web: WebPeer, client: Client) -> None:
    task = client.submit("K", group="G")
    seen = []
    for snapshot in task.watch(timeout=20):
        seen.append(snapshot["status"])
        if snapshot["status"] == "queued":
            web.change(task.id, status="running", progress=0.5)
        elif snapshot["status"] == "running":
            web.change(task.id, status="succeeded")
    assert seen == ["queued", "running", "succeeded"]


@pytest.mark.usefixtures("only_push")
def test_a_line_that_breaks_is_opened_again(web: WebPeer, client: Client) -> None:
    task = client.submit("K", group="G")
    later(0.2, web.break_lines)
    later(1.0, web.end, task.id, 7)
    assert task.result(timeout=20) == 7


def test_without_push_it_asks(web: WebPeer, client: Client) -> None:
    web.pushes = False
    task = client.submit("K", group="G")
    later(0.2, web.end, task.id, 7)
    assert task.result(timeout=20) == 7


def test_waiting_ends_in_time_and_may_go_on_later(web: WebPeer, client: Client) -> None:
    task = client.submit("K", group="G")
    with pytest.raises(errors.ResultTimeout):
        task.result(timeout=0.1)
    web.end(task.id, 7)
    assert task.result(timeout=20) == 7


def test_a_task_without_a_result_says_why(web: WebPeer, client: Client) -> None:
    failed, cancelled, expired = (client.submit("K", group="G") for _ in range(3))
    web.change(
        failed.id, status="failed", error={"code": "subtask_failed", "message": "ValueError: no"}
    )
    with pytest.raises(errors.TaskFailed, match="ValueError: no") as caught:
        failed.result(timeout=20)
    assert caught.value.code == "subtask_failed"
    cancelled.cancel()
    with pytest.raises(errors.TaskCancelled):
        cancelled.result(timeout=20)
    web.end(expired.id, None)
    web.results[expired.id] = 410, {"code": "result_expired", "message": "It was kept for a day."}
    with pytest.raises(errors.ResultExpired):
        expired.result(timeout=20)


def test_a_task_can_be_paused_and_resumed(web: WebPeer, client: Client) -> None:
    task = client.submit("K", group="G")
    assert task.pause().status == "paused"
    assert task.resume().status == "running"
    assert [path for _, path, _ in web.asked[-2:]] == [
        f"tasks/{task.id}/pause/",
        f"tasks/{task.id}/resume/",
    ]
    assert client.task(task.id).status == "running"


CHECKED = {
    "how": "sample",
    "checked_share": 0.04,
    "owners": 2,
    "disagreements": 0,
    "reason": "",
    "taken_out": 0,
    "replaces": False,
    "sentence": "4 % recomputed by two other members, all agreed.",
    "from a newer server": 1,
}


def test_how_much_is_checked_is_sent_and_how_it_was_comes_with_the_result(
    web: WebPeer, client: Client
) -> None:
    task = client.submit("K", group="G", verify="sample")
    assert web.asked[-1][2]["verify"] == "sample"
    assert task.verification is None
    web.tasks[task.id]["verification"] = CHECKED
    web.end(task.id, 7)
    assert task.result(timeout=20) == 7
    found = task.verification
    assert found is not None
    assert (found.how, found.checked_share, found.owners) == ("sample", 0.04, 2)
    assert (found.disagreements, found.reason, found.taken_out) == (0, "", 0)
    assert str(found) == CHECKED["sentence"]
    assert client.task(task.id).verification == found


def test_the_group_gets_to_say_how_much_is_checked_if_nothing_is_said(
    web: WebPeer, client: Client
) -> None:
    client.submit("K", group="G")
    assert "verify" not in web.asked[-1][2]


def test_the_result_that_replaces_one_that_was_withdrawn_is_waited_for(
    web: WebPeer, client: Client
) -> None:
    """It is withdrawn between the last look at the task and the request for its result."""
    task = client.submit("K", group="G")
    web.pushes = False
    web.end(task.id, None)
    web.results[task.id] = 409, {"code": "result_withdrawn", "message": "A part was wrong."}
    assert task.wait(timeout=20).status == "succeeded"
    web.change(task.id, status="running", withdrawn="2030-01-31T12:00:00Z")
    later(0.2, web.end, task.id, 8)
    assert task.result(timeout=20) == 8
    assert task.withdrawn == "2030-01-31T12:00:00Z"


def test_what_was_pushed_before_is_not_taken_for_the_result_that_replaced_it(
    web: WebPeer, client: Client
) -> None:
    task = client.submit("K", group="G")
    web.end(task.id, 7)
    task.wait(timeout=20)
    assert task.withdrawn is None
    web.change(task.id, status="running", withdrawn="2030-01-31T12:00:00Z")
    assert task.refresh().status == "running"
    web.end(task.id, 8)
    task.refresh()
    assert task.result(timeout=20) == 8


NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "deadline",
    [
        NOON,
        NOON.astimezone(timezone(timedelta(hours=5))),
        "2030-01-31T12:00:00Z",
        "2030-01-31T14:00+02:00",
    ],
)
def test_a_deadline_is_sent_with_its_zone(web: WebPeer, client: Client, deadline: Moment) -> None:
    client.submit("K", group="G", deadline=deadline, subtask_seconds_max=2.5)
    sent = web.asked[-1][2]
    assert (sent["deadline"], sent["subtask_seconds_max"]) == ("2030-01-31T12:00:00+00:00", 2.5)


@pytest.mark.parametrize("span", [90, 90.0, timedelta(seconds=90)])
def test_a_deadline_may_be_a_span_from_now(web: WebPeer, client: Client, span: Moment) -> None:
    before = datetime.now(UTC)
    client.submit("K", group="G", deadline=span)
    sent = datetime.fromisoformat(web.asked[-1][2]["deadline"])
    assert before <= sent - timedelta(seconds=90) <= datetime.now(UTC)


def test_a_time_without_a_zone_is_this_machines(web: WebPeer, client: Client) -> None:
    local = datetime(2030, 1, 31, 12)
    client.submit("K", group="G", deadline=local)
    assert datetime.fromisoformat(web.asked[-1][2]["deadline"]) == local.astimezone()


@pytest.mark.parametrize("deadline", ["tomorrow", "", 1e300, float("nan")])
def test_what_is_no_deadline_is_not_sent(web: WebPeer, client: Client, deadline: Moment) -> None:
    with pytest.raises(ValueError, match=r"tomorrow|''|too far|NaN"):
        client.submit("K", group="G", deadline=deadline)
    assert web.tasks == {}


def test_a_deadline_goes_along_with_a_file_too(web: WebPeer, client: Client) -> None:
    client.submit(
        "MEAN", group="G", numbers=np.array([1.0]), deadline=NOON, subtask_seconds_max=2.5
    )
    body = web.asked[-1][2]
    assert b'name="deadline"\r\n\r\n2030-01-31T12:00:00+00:00' in body
    assert b'name="subtask_seconds_max"\r\n\r\n2.5' in body


@pytest.mark.parametrize("called", ["w1", "tower"])
def test_a_worker_is_let_back_and_drained_by_its_id_or_its_name(
    web: WebPeer, client: Client, called: str
) -> None:
    web.workers["w0"] = {"id": "w0", "name": "attic", "suspended": ""}
    web.workers["w1"] = {"id": "w1", "name": "tower", "suspended": "It failed too often."}
    assert [row["suspended"] for row in client.workers()] == ["", "It failed too often."]
    assert client.let_back(called) == {"id": "w1", "name": "tower", "suspended": ""}
    assert web.asked[-1] == ("PATCH", "workers/w1/", {"suspended": False})
    client.drain(called)
    assert web.asked[-1][:2] == ("POST", "workers/w1/drain/")
    with pytest.raises(errors.NotFound, match="no worker called 'cellar'"):
        client.drain("cellar")


def test_errors_of_the_server_are_exceptions(web: WebPeer, client: Client) -> None:
    with pytest.raises(errors.ApiError) as caught:
        client.submit("NOTHING", group="G")
    assert (caught.value.code, caught.value.status, caught.value.fields) == (
        "invalid",
        400,
        {"kind": ["unknown"]},
    )
    with pytest.raises(errors.NotFound):
        client.task("nowhere")
    with pytest.raises(errors.NotLoggedIn):
        Client.login(web.url, "alice", "wrong")
    with pytest.raises(errors.NotLoggedIn), Client(web.url, "stale") as stranger:
        stranger.me()
    with pytest.raises(errors.ConnectionFailed), Client("http://127.0.0.1:1", "x") as nowhere:
        nowhere.me()


@pytest.mark.usefixtures("only_push")
def test_an_expired_token_is_renewed_once_for_all_threads(web: WebPeer, client: Client) -> None:
    web.access = "changed"  # as if ours had run out
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: client.me()["username"], range(16)))
    assert names == ["alice"] * 16
    assert web.renewals == 1
    task = client.submit("K", group="G")
    web.access = "changed again"
    web.break_lines()
    later(0.8, web.end, task.id, 7)
    assert task.result(timeout=20) == 7
    assert web.renewals == 2


def test_processes_that_share_a_login_renew_it_once(web: WebPeer, tmp_path: Path) -> None:
    file = LoginFile(tmp_path)
    with file.locked():
        file.save(Login(url=web.url, access=web.access, refresh=web.refresh))
    with (
        Client(web.url, tokens=FileTokens(file)) as one,
        Client(web.url, tokens=FileTokens(file)) as two,
    ):
        web.access = "changed"
        assert one.me() == two.me()
    assert web.renewals == 1
    assert (file.load().access, file.load().refresh) == (web.access, web.refresh)
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_an_array_travels_as_a_file_without_rounding(web: WebPeer, client: Client) -> None:
    numbers = np.array([0.1, 2.0**60, -3.5])
    client.submit("MEAN", group="G", numbers=numbers, allow_partial=True, verify="all")
    body = web.asked[-1][2]
    packed = body[body.index(b"\x93NUMPY") :]
    assert np.array_equal(np.load(io.BytesIO(packed)), numbers)
    assert b'name="params"\r\n\r\n{}' in body
    assert b'name="allow_partial"\r\n\r\ntrue' in body
    assert b'name="verify"\r\n\r\nall' in body


def test_a_file_is_sent_under_its_own_name(web: WebPeer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("1\n2\n")
    client.submit("MEAN", group="G", file=tmp_path / "numbers.csv")
    assert b'filename="numbers.csv"' in web.asked[-1][2]


def test_numpy_scalars_are_numbers(web: WebPeer, client: Client) -> None:
    client.submit("K", group="G", n=np.int64(7), xs=np.array([1, 2]))
    assert web.asked[-1][2]["params"] == {"n": 7, "xs": [1, 2]}
    assert json.dumps(web.asked[-1][2])


def test_a_question_about_a_file_carries_its_choices(
    web: WebPeer, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("1,5\n")
    body = {
        "code": "ambiguous_file",
        "message": "In two ways.",
        "choices": {"decimal": ["point", "comma"]},
    }
    web.troubles = [(400, body)]
    with pytest.raises(errors.ApiError) as asked:
        client.submit("MEAN", group="G", file=tmp_path / "a.csv")
    assert (asked.value.code, asked.value.choices) == (
        "ambiguous_file",
        {"decimal": ["point", "comma"]},
    )
    client.submit("MEAN", group="G", file=tmp_path / "a.csv", decimal="comma")
    assert b'{"decimal": "comma"}' in web.asked[-1][2]
