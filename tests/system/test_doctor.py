"""`firmlight doctor` with a real server."""

from __future__ import annotations

import json
from pathlib import Path

from firmlight_client.auth.login_file import LoginFile
from tests.support.cli import firmlight
from tests.system.lab import Lab


def states(lab: Lab, home: Path, token: str) -> dict[str, str]:
    done = firmlight(
        "doctor", "--json", FIRMLIGHT_URL=lab.url, FIRMLIGHT_TOKEN=token, FIRMLIGHT_HOME=str(home)
    )
    print(done.stdout)  # noqa: T201  if it is wrong it is good to know how
    return {row["check"]: row["state"] for row in map(json.loads, done.stdout.splitlines())}


def test_all_is_well(lab: Lab, tmp_path: Path) -> None:
    found = states(lab, tmp_path, lab.worker_token(1))
    assert {
        found[name] for name in ("log-in", "server", "clock", "websocket", "slots", "kind", "disk")
    } == {"ok"}


def test_a_token_is_tried_before_it_replaces_the_one_that_is_kept(lab: Lab, tmp_path: Path) -> None:
    def log_in(token: str) -> int:
        words = ("login", lab.url, "--token-stdin")
        return firmlight(*words, stdin=f"{token}\n", FIRMLIGHT_HOME=str(tmp_path)).returncode

    good = lab.worker_token(1)
    assert [log_in(good), log_in("flw_wrong")] == [0, 1]
    assert LoginFile(tmp_path).load().worker_token == good


def test_a_token_that_is_not_taken_is_found(lab: Lab, tmp_path: Path) -> None:
    assert states(lab, tmp_path, "flw_wrong")["websocket"] == "bad"
