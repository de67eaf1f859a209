"""`firmlight` as a user runs it: words in, words out, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import webbrowser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from firmlight_client.auth import device, session
from firmlight_client.auth.login_file import LoginFile
from firmlight_client.cli.arguments import parse_deadline, parse_params
from tests.client.web_peer import WebPeer
from tests.support.cli import firmlight

BIG = 10**40 + 1


def firmlight_process(
    *words: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """As it starts from a shell. What `firmlight` proves in this process need not wait for that
    each time.
    """
    return subprocess.run(
        [sys.executable, "-m", "firmlight_client", *words],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=20,
    )


def home() -> LoginFile:
    return LoginFile(Path(os.environ["FIRMLIGHT_HOME"]))


@pytest.fixture
def logged_in(web: WebPeer) -> WebPeer:
    done = firmlight("login", web.url, "--username", "alice", "--password-stdin", stdin="right\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Logged in to {web.url} as alice.\n"
    return web


def test_login_keeps_what_it_needs_for_its_owner_alone(web: WebPeer) -> None:
    done = firmlight_process(
        "login", web.url, "--username", "alice", "--password-stdin", stdin="right\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"Logged in to {web.url} as alice.\n",
        "",
    )
    login = home().load()
    assert (login.username, login.worker_token, login.refresh) == (
        "alice",
        "flw_secret",
        "refresh-0",
    )
    assert home().path.stat().st_mode & 0o777 == 0o600
    assert firmlight_process("whoami").stdout == f"alice at {web.url}\n"


def test_logout_ends_it_at_the_server(logged_in: WebPeer) -> None:
    assert firmlight("logout").stdout == "Logged out alice.\n"
    assert logged_in.asked[-1] == (
        "POST",
        "auth/logout/",
        {"refresh": "refresh-0", "worker_token": "flw_secret"},
    )
    assert not home().path.exists()
    assert firmlight("whoami").returncode == 1


def end_when_submitted(web: WebPeer, result: object) -> None:
    while "t0" not in web.tasks:
        time.sleep(0.01)
    time.sleep(0.1)
    web.end("t0", result)


def test_submit_wait_prints_the_result(logged_in: WebPeer) -> None:
    ending = threading.Thread(
        target=end_when_submitted, args=(logged_in, {"factors": [[str(BIG), 1]]})
    )
    ending.start()
    done = firmlight("submit", "FACTORIZATION", f"number={BIG}", "--group", "Lab Seven", "--wait")
    ending.join()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"factors": [[str(BIG), 1]]}
    sent = next(
        body for method, path, body in logged_in.asked if (method, path) == ("POST", "tasks/")
    )
    assert sent["params"] == {"number": BIG}
    assert json.loads(firmlight("result", "t0", "--json").stdout) == {"factors": [[str(BIG), 1]]}
    assert "succeeded" in firmlight("status").stdout
    assert json.loads(firmlight("status", "t0", "--json").stdout)["status"] == "succeeded"


SENTENCE = "4 % recomputed by two other members, all agreed."
CHECKED = {"how": "sample", "checked_share": 0.04, "owners": 2, "sentence": SENTENCE}


def test_how_a_result_was_checked_is_said_beside_it(logged_in: WebPeer) -> None:
    """On stderr, because on stdout is the result itself."""
    logged_in.compute = lambda kind, params: 7
    assert firmlight("submit", "K", "--group", "G", "--verify", "sample").stdout == "t0\n"
    assert logged_in.asked[-1][2]["verify"] == "sample"
    logged_in.tasks["t0"]["verification"] = CHECKED
    for words in (["result", "t0"], ["result", "t0", "--json"]):
        done = firmlight(*words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", f"{SENTENCE}\n")
    assert SENTENCE in firmlight("status", "t0").stdout.splitlines()
    assert json.loads(firmlight("status", "t0", "--json").stdout)["verification"] == CHECKED


def test_it_is_said_that_the_group_asks_for_more_checks(logged_in: WebPeer) -> None:
    task = {"id": "t0", "status": "queued", "kind": "K", "verify": "all", "verify_asked": "none"}
    logged_in.troubles = [(201, task)]
    done = firmlight("submit", "K", "--group", "G", "--verify", "none")
    assert (done.returncode, done.stdout) == (0, "t0\n")
    assert done.stderr == "The group asks for more checks: all, not none.\n"


def test_a_program_that_waits_gets_both_in_one_line(logged_in: WebPeer) -> None:
    def end() -> None:
        while "t0" not in logged_in.tasks:
            time.sleep(0.01)
        logged_in.tasks["t0"]["verification"] = CHECKED
        logged_in.end("t0", 7)

    ending = threading.Thread(target=end)
    ending.start()
    done = firmlight("submit", "K", "--group", "G", "--wait", "--json")
    ending.join()
    shown = json.loads(done.stdout.splitlines()[-1])
    assert shown == {"id": "t0", "status": "succeeded", "result": 7, "verification": CHECKED}


def test_a_task_is_paused_resumed_and_cancelled(logged_in: WebPeer) -> None:
    assert firmlight("submit", "K", "--group", "G").stdout == "t0\n"
    assert firmlight("pause", "t0").stdout == "t0  paused      K\n"
    assert json.loads(firmlight("resume", "t0", "--json").stdout)["status"] == "running"
    assert firmlight("cancel", "t0").stdout == "t0  cancelled   K\n"
    assert logged_in.tasks["t0"]["status"] == "cancelled"


def test_limits_of_a_task_are_sent(logged_in: WebPeer) -> None:
    firmlight("submit", "K", "--group", "G", "--deadline", "2h", "--subtask-seconds", "2.5")
    sent = logged_in.asked[-1][2]
    left = datetime.fromisoformat(sent["deadline"]) - datetime.now(UTC)
    assert timedelta(hours=1.9) < left < timedelta(hours=2)
    assert sent["subtask_seconds_max"] == 2.5


TOWER, BEN = {"id": "w1", "name": "tower"}, {"id": "u2", "username": "ben"}


def failure(subtask: int, **more: object) -> dict[str, object]:
    plain = {
        "worker": TOWER,
        "member": BEN,
        "error": "ValueError",
        "message": "no such thing",
        "traceback": "Trace",
    }
    return {
        "subtask": subtask,
        "at": f"2030-01-31T12:00:{subtask:02}Z",
        "final": False,
        **plain,
        **more,
    }


def test_status_says_why_a_task_waits_and_what_failed(logged_in: WebPeer) -> None:
    firmlight("submit", "K", "--group", "G")
    logged_in.tasks["t0"]["waiting_reason"] = "No worker of this group that accepts K is online."
    logged_in.tasks["t0"]["failures"] = [
        failure(19, error="crashed", message="killed by\nsignal 11\x1b[2J", final=True),
        failure(18, worker=None, member=None),
        *(failure(subtask) for subtask in range(1, 18)),
    ]
    assert firmlight("status", "t0").stdout.splitlines()[2:] == [
        "No worker of this group that accepts K is online.",
        "the last 5 of 19 failures:",
        "  subtask 15 on ben's tower: ValueError: no such thing",
        "  subtask 16 on ben's tower: ValueError: no such thing",
        "  subtask 17 on ben's tower: ValueError: no such thing",
        "  subtask 18: ValueError: no such thing",
        "  subtask 19 on ben's tower: crashed: killed by signal 11 [2J (given up)",
    ]
    assert (
        json.loads(firmlight("status", "t0", "--json").stdout)["failures"][0]["traceback"]
        == "Trace"
    )


def test_workers_are_listed_let_back_and_drained(logged_in: WebPeer) -> None:
    seen = "2030-01-31T12:00:00.123456Z"
    logged_in.workers["w0"] = {
        "id": "w0",
        "name": "attic",
        "slots": 2,
        "last_seen": seen,
        "suspended": "",
    }
    logged_in.workers["w1"] = {
        **logged_in.workers["w0"],
        "id": "w1",
        "name": "tower",
        "suspended": "It failed.",
    }
    listed = [
        line.split("  ") for line in firmlight_process("workers", TZ="UTC").stdout.splitlines()
    ]
    assert [[cell.strip() for cell in line if cell.strip()] for line in listed] == [
        ["NAME", "SLOTS", "LAST SEEN", "SUSPENDED"],
        ["attic", "2", "2030-01-31 12:00:00"],
        ["tower", "2", "2030-01-31 12:00:00", "It failed."],
    ]
    assert "It failed." not in firmlight("workers", "--let-back", "tower").stdout
    assert json.loads(firmlight("workers", "--json").stdout.splitlines()[1])["suspended"] == ""
    assert firmlight("drain", "w1").stdout == "w1 finishes what it holds, and leaves.\n"
    assert logged_in.asked[-1][:2] == ("POST", "workers/w1/drain/")


def test_the_environment_comes_before_the_files(web: WebPeer) -> None:
    done = firmlight("whoami", FIRMLIGHT_URL=web.url, FIRMLIGHT_TOKEN=web.access)
    assert done.stdout == f"alice at {web.url}\n"


def test_a_kept_token_goes_to_no_other_server(logged_in: WebPeer) -> None:
    done = firmlight("whoami", FIRMLIGHT_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "Nobody is logged in here" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["submit", "K", "n", "--group", "G"], 2, "is not key=value"),
        (["submit", "K", "n=1"], 2, "--group"),
        (
            ["submit", "NOTHING", "--group", "G"],
            1,
            "firmlight: Some fields are not right. kind: unknown",
        ),
        (["result", "nowhere"], 1, "firmlight: There is nothing here."),
        (["fly"], 2, "No such command"),
        (["work", "--slots", "0"], 2, "slots"),
        (["work", "--memory", "10"], 2, "256 MiB at least"),
        (["submit", "K", "--group", "G", "--deadline", "soon"], 2, "is no time"),
        (["submit", "K", "--group", "G", "--subtask-seconds", "0"], 2, "subtask-seconds"),
        (["pause", "nowhere"], 1, "firmlight: There is nothing here."),
        (["drain", "nowhere"], 1, "firmlight: You have no worker called 'nowhere'."),
        (["login", "ftp://example.org"], 1, "no address of a server"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(
    logged_in: WebPeer, words: list[str], code: int, said: str
) -> None:
    done = firmlight(*words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_password_is_said_and_nothing_is_kept(web: WebPeer) -> None:
    done = firmlight_process(
        "login", web.url, "--username", "alice", "--password-stdin", stdin="wrong\n"
    )
    assert (done.returncode, done.stderr) == (1, "firmlight: User name or password is wrong.\n")
    assert not home().path.exists()


PENDING: tuple[int, Any] = (
    400,
    {"code": "authorization_pending", "message": "Nobody has confirmed the code yet."},
)
GRANTED = {
    "user": {"id": "u1", "username": "alice"},
    "worker_token": "flw_1",
    "worker_token_id": "wt1",
}


def test_a_code_is_shown_and_confirmed_elsewhere(web: WebPeer) -> None:
    web.device_answers = [PENDING, (200, {**GRANTED, "access": web.access, "refresh": web.refresh})]
    done = firmlight("login", web.url)
    assert f"{web.url}/device/?code=BCDF-GHJK" in done.stdout
    assert "BCDF-GHJK" in done.stdout.splitlines()[3]
    assert done.stdout.endswith(f"Logged in to {web.url} as alice.\n")
    assert web.asked[0][2]["scope"] == "user"
    assert home().load().worker_token == "flw_1"
    assert home().path.stat().st_mode & 0o77 == 0
    assert firmlight("whoami").stdout == f"alice at {web.url}\n"


def test_a_machine_may_ask_to_work_and_nothing_else(web: WebPeer) -> None:
    web.device_answers = [(200, {**GRANTED, "access": None, "refresh": None})]
    done = firmlight("login", web.url, "--worker", "--json")
    shown, logged_in = map(json.loads, done.stdout.splitlines())
    assert (shown["event"], shown["user_code"]) == ("confirm", "BCDF-GHJK")
    assert logged_in == {"event": "logged_in", "url": web.url, "username": "alice"}
    assert web.asked[0][2]["scope"] == "worker"
    kept = home().load()
    assert (kept.worker_token, kept.access) == ("flw_1", "")


def test_logging_in_again_ends_what_the_machine_had_before(web: WebPeer) -> None:
    for text in ("flw_1", "flw_2"):
        web.device_answers = [
            (200, {**GRANTED, "worker_token": text, "access": None, "refresh": None})
        ]
        assert firmlight("login", web.url, "--worker").returncode == 0
    assert [body for _, path, body in web.asked if path == "auth/logout/"] == [
        {"worker_token": "flw_1"}
    ]
    assert firmlight("logout").returncode == 0
    assert web.asked[-1] == ("POST", "auth/logout/", {"worker_token": "flw_2"})


def test_a_browser_is_opened_only_where_it_is_wanted(
    web: WebPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    for options in ([], ["--browser"]):
        web.device_answers = [(200, {**GRANTED, "access": None, "refresh": None})]
        assert firmlight("login", web.url, "--worker", *options).returncode == 0
    assert opened == [f"{web.url}/device/?code=BCDF-GHJK"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("access_denied", "The code was denied."),
        ("expired_token", "The code is not good any more."),
    ],
)
def test_what_ends_the_wait_is_said_and_nothing_is_kept(web: WebPeer, code: str, said: str) -> None:
    web.device_answers = [PENDING, (400, {"code": code, "message": said})]
    done = firmlight("login", web.url)
    assert (done.returncode, done.stderr) == (1, f"firmlight: {said}\n")
    assert not home().path.exists()


def test_who_is_told_to_slow_down_does(web: WebPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(
        device, "time", SimpleNamespace(**vars(time) | {"sleep": pauses.append})
    )  # of nobody else
    slow: tuple[int, Any] = 400, {"code": "slow_down", "message": "Ask less often."}
    web.device_answers = [
        PENDING,
        slow,
        PENDING,
        (200, {**GRANTED, "access": None, "refresh": None}),
    ]
    assert firmlight("login", web.url, "--worker").returncode == 0
    assert pauses == [0, 0, 5, 5]


def test_a_worker_token_may_be_kept_alone(web: WebPeer) -> None:
    assert firmlight("login", web.url, "--token-stdin", stdin="flw_other\n").returncode == 0
    assert home().load().worker_token == "flw_other"
    assert "can work and nothing else" in firmlight("whoami").stderr


def revoked(web: WebPeer) -> list[Any]:
    return [body for _, path, body in web.asked if path == "auth/logout/"]


@pytest.mark.parametrize("place", ["", "http://127.0.0.1:9"])
def test_a_token_that_the_server_does_not_take_changes_nothing(
    logged_in: WebPeer, place: str
) -> None:
    """Whether it is wrong, or nobody can say: the log-in that is there stays good."""
    before = home().path.read_bytes()
    done = firmlight("login", place or logged_in.url, "--token-stdin", stdin="flw_mistyped\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert ("cannot be reached" if place else "not known here. Nothing has changed") in done.stderr
    assert home().path.read_bytes() == before
    assert revoked(logged_in) == []


def test_a_new_log_in_that_does_not_work_ends_itself_and_not_the_old_one(
    logged_in: WebPeer,
) -> None:
    before = home().path.read_bytes()
    unusable = {**GRANTED, "worker_token": "flw_unknown", "access": None, "refresh": None}
    logged_in.device_answers = [(200, unusable)]
    assert firmlight("login", logged_in.url, "--worker").returncode == 1
    assert home().path.read_bytes() == before
    assert revoked(logged_in) == [{"worker_token": "flw_unknown"}]


def test_a_full_disk_keeps_the_old_log_in(
    logged_in: WebPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = home().path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    logged_in.device_answers = [(200, {**GRANTED, "access": None, "refresh": None})]
    done = firmlight("login", logged_in.url, "--worker")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert home().path.read_bytes() == before
    assert not list(home().path.parent.glob("*.new"))
    assert revoked(logged_in) == [{"worker_token": "flw_1"}]


def test_the_new_log_in_is_on_disk_before_the_old_one_ends(
    logged_in: WebPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk: list[str] = []
    monkeypatch.setattr(session, "end", lambda *_, **__: on_disk.append(home().load().worker_token))
    assert firmlight("login", logged_in.url, "--token-stdin", stdin="flw_2\n").returncode == 0
    assert on_disk == ["flw_2"]


def test_a_token_that_is_kept_again_is_not_revoked(logged_in: WebPeer) -> None:
    done = firmlight("login", logged_in.url, "--token-stdin", stdin="flw_secret\n")
    assert done.returncode == 0
    assert revoked(logged_in) == [{"refresh": "refresh-0"}]


def test_help_comes_at_once() -> None:
    loaded = "import sys, firmlight_client.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert not {"httpx", "numpy", "rich", "asyncio", "websockets"} & {*done.stdout.split()}
    before = sum(os.times()[2:4])
    assert "submit" in firmlight_process("--help").stdout
    assert sum(os.times()[2:4]) - before < 0.3  # of a processor: other tests may keep it busy


def test_values_are_json_where_they_are_json_and_integers_stay_exact() -> None:
    words = [
        f"n={BIG}",
        "x=2.5",
        "s=hello",
        "l=[1, 2]",
        "b=true",
        "e=1e999",
        "u=a=b",
        "z=007",
        "i=Infinity",
    ]
    assert parse_params(words) == {
        "n": BIG,
        "x": 2.5,
        "s": "hello",
        "l": [1, 2],
        "b": True,
        "e": "1e999",
        "u": "a=b",
        "z": "007",
        "i": "Infinity",
    }


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1.5 h", 5400), (" 1s ", 1)],
)
def test_a_span_is_counted_from_now(text: str, seconds: float) -> None:
    before = datetime.now(UTC)
    after = datetime.fromisoformat(parse_deadline(text)) - timedelta(seconds=seconds)
    assert before <= after <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["10", "m", "-5m", "1w", "2030-13-01", "9" * 30 + "d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time"):
        parse_deadline(text)
