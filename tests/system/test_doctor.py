"""`firmlight doctor` with a real server."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_a_token_that_is_not_taken_is_found(lab: Lab, tmp_path: Path) -> None:
    assert states(lab, tmp_path, "flw_wrong")["websocket"] == "bad"
