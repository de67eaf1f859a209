"""The commands around tasks and groups: invitations, watching, stdin, completion, help."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.main import get_command

from firmlight_client import cli
from firmlight_client.cli.status import table
from tests.client.web_peer import WebPeer
from tests.support.cli import firmlight


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebPeer]:
    with WebPeer() as web:
        monkeypatch.setenv("FIRMLIGHT_URL", web.url)
        monkeypatch.setenv("FIRMLIGHT_TOKEN", web.access)
        yield web


def posted(web: WebPeer) -> Any:
    return next(body for method, path, body in web.asked if (method, path) == ("POST", "tasks/"))


def test_people_are_invited_to_a_group_by_its_name(web: WebPeer) -> None:
    assert firmlight("invite", "lab seven", "ben", "cleo").stdout == "ben: invited\ncleo: invited\n"
    assert web.asked[-1] == ("POST", "groups/g1/invitations/", {"usernames": ["ben", "cleo"]})
    done = firmlight("invite", "g1", "ben", "--json")
    assert json.loads(done.stdout) == {"username": "ben", "outcome": "invited", "invitation": "i1"}
    done = firmlight("invite", "Lab Nine", "ben")
    assert (done.returncode, done.stderr) == (
        1,
        "firmlight: You are in no group called 'Lab Nine'.\n",
    )


def test_a_name_that_no_user_has_is_reported_and_fails(web: WebPeer) -> None:
    web.outcomes["bne"] = "unknown"
    done = firmlight("invite", "Lab Seven", "ben", "bne")
    assert (done.returncode, done.stdout) == (1, "ben: invited\nbne: unknown\n")


def invitation(key: str, group: str) -> dict[str, Any]:
    return {
        "id": key,
        "group": {"id": f"g-{key}", "name": group},
        "inviter": {"id": "u2", "username": "ben"},
    }


def test_invitations_are_listed_and_accepted(web: WebPeer) -> None:
    web.invitations = [
        invitation("i1", "Lab Eight"),
        invitation("i2", "Lab Nine"),
        invitation("i3", "Night\x1b[2J shift"),
    ]
    listed = "i1  Lab Eight  from ben\ni2  Lab Nine  from ben\ni3  Night [2J shift  from ben\n"
    assert firmlight("accept").stdout == listed
    assert firmlight("accept", "lab nine").stdout == "You are in Lab Nine now.\n"
    assert web.asked[-1][:2] == ("POST", "invitations/i2/accept/")
    assert firmlight("accept", "Lab Nine").returncode == 1
    assert firmlight("accept", "--all").stdout.count("now.") == 2
    assert firmlight("accept").stdout == ""


def test_status_can_be_watched_until_the_task_is_over(web: WebPeer) -> None:
    firmlight("submit", "K", "--group", "G")
    firmlight("submit", "K", "--group", "G")

    def live() -> None:
        while not web.watchers:
            time.sleep(0.01)
        web.change("t0", status="running", progress=0.5)
        time.sleep(0.3)
        web.end("t0", 7)

    living = threading.Thread(target=live)
    living.start()
    done = firmlight("status", "t0", "--watch", "--json")
    living.join()
    statuses = [json.loads(line)["status"] for line in done.stdout.splitlines()]
    assert (statuses[-2:], done.returncode) == (["running", "succeeded"], 0)
    web.change("t1", status="failed")
    assert firmlight("status", "t1", "--watch").returncode == 1
    assert firmlight("status", "t1").returncode == 0


def test_the_list_is_watched_as_lines_that_have_changed(web: WebPeer) -> None:
    firmlight("submit", "K", "--group", "G")
    command = [sys.executable, "-u", "-m", "firmlight_client", "status", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "t0  queued      K\n"
            web.change("t0", status="succeeded")
            assert process.stdout.readline() == "t0  succeeded   K\n"
        finally:
            process.terminate()


def test_people_see_a_table_in_which_no_title_can_do_harm() -> None:
    out = io.StringIO()
    row = {
        "id": "t0",
        "status": "running",
        "kind": "MEAN",
        "progress": 0.25,
        "title": "[red]Night\x1b[2J run",
    }
    Console(file=out, width=100).print(table([row]))
    assert "25%" in out.getvalue()
    assert "[red]Night [2J run" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_params_come_from_stdin(web: WebPeer) -> None:
    done = firmlight(
        "submit", "FACTORIZATION", "-", "more=1", "--group", "G", stdin='{"number": 91}'
    )
    assert done.returncode == 0
    assert posted(web)["params"] == {"number": 91, "more": 1}
    for bad in ("", "[1]", "{"):
        done = firmlight("submit", "FACTORIZATION", "-", "--group", "G", stdin=bad)
        assert (done.returncode, "stdin" in done.stderr) == (2, True)


def test_a_file_comes_from_stdin(web: WebPeer) -> None:
    command = [
        sys.executable,
        "-m",
        "firmlight_client",
        "submit",
        "MEAN",
        "--group",
        "G",
        "--file",
        "-",
    ]
    subprocess.run(
        [*command, "--stdin-name", "numbers.csv"], input=b"1\n2\n", check=True, capture_output=True
    )
    assert b'filename="numbers.csv"' in posted(web)
    assert b"\r\n\r\n1\n2\n\r\n" in posted(web)
    done = firmlight("submit", "MEAN", "--group", "G", "--file", "nowhere.csv")
    assert (done.returncode, "nowhere.csv is no file" in done.stderr) == (2, True)


def test_a_file_that_is_asked_about_ends_with_the_words_to_add(
    web: WebPeer, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("station,temp,wind speed\nA,1,2\nB,3,4\n")
    choices = {"column": ["temp", "wind speed"]}
    fields = {"params.column": ["it has 2 columns of numbers"]}
    body = {
        "code": "ambiguous_file",
        "message": "In two ways.",
        "fields": fields,
        "choices": choices,
    }
    web.troubles = [(400, body)]
    command = ("submit", "MEAN", "--group", "G", "--file", str(tmp_path / "a.csv"))
    done = firmlight(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "it has 2 columns of numbers" in done.stderr
    assert done.stderr.endswith("Add one of: column=temp, 'column=wind speed'\n")
    assert firmlight(*command, "column=temp").returncode == 0
    assert b'{"column": "temp"}' in [body for method, _, body in web.asked if method == "POST"][-1]
    here = firmlight("kinds", "run", "MEAN", "--file", str(tmp_path / "a.csv"))
    assert (here.returncode, "Add one of: column=temp, 'column=wind speed'" in here.stderr) == (
        1,
        True,
    )
    here = firmlight(
        "kinds", "run", "MEAN", "--file", str(tmp_path / "a.csv"), "column=wind speed", "--json"
    )
    assert json.loads(here.stdout)["mean"] == 3


def test_a_bar_is_drawn_only_for_those_who_look(web: WebPeer) -> None:
    web.compute = lambda kind, params: 7
    done = firmlight("submit", "K", "--group", "G", "--wait")
    assert (done.stdout, done.stderr) == ("7\n", "")


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command.help


def test_every_command_shows_an_example_of_itself() -> None:
    for name, text in commands(get_command(cli.app)):
        assert f"Example: firmlight {name}" in text, name


def test_shells_complete_commands_and_kinds() -> None:
    def completed(words: str) -> str:
        env = {
            "_FIRMLIGHT_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        code = "import sys; sys.argv = ['firmlight']; from firmlight_client.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True
        )
        return done.stdout

    assert completed("firmlight sub").split() == ["submit"]
    assert completed("firmlight submit FACT").split() == ["FACTORIZATION"]
