"""`firmlight doctor` where something is wrong; `tests/system/test_doctor.py` has a server."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from firmlight_client.doctor import checks
from firmlight_client.doctor.slots import FINE, NOTE
from tests.support.cli import firmlight


def test_nobody_logged_in_and_bad_rules_are_found_and_the_rest_is_looked_at_all_the_same() -> None:
    home = Path(os.environ["FIRMLIGHT_HOME"])
    home.mkdir()
    (home / "worker.toml").write_text("hours = ['noon']")
    done = firmlight("doctor", "--json")
    found = {row["check"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert [found[name]["state"] for name in ("log-in", "rules", "slots")] == ["bad", "bad", "ok"]
    assert "firmlight login" in found["log-in"]["words"]
    assert "sandbox" in found


def test_a_server_that_is_not_there_is_found() -> None:
    done = firmlight("doctor", FIRMLIGHT_URL="http://127.0.0.1:9", FIRMLIGHT_TOKEN="x")
    assert done.returncode == 1
    assert "http://127.0.0.1:9 cannot be reached" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_folder_that_others_can_look_into_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (found,) = checks._privacy(tmp_path)
    assert f"chmod 700 {tmp_path}" in found.words
    tmp_path.chmod(0o700)
    assert list(checks._privacy(tmp_path)) == []


@pytest.mark.parametrize(
    ("hours", "state", "words"), [(0, FINE, "as"), (-24, NOTE, "fast"), (24, NOTE, "slow")]
)
def test_a_clock_is_compared_with_the_servers(hours: int, state: str, words: str) -> None:
    theirs = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    found = checks._clock(theirs)
    assert found.state == state
    assert words in found.words


def test_a_server_that_tells_no_time_is_no_fault() -> None:
    assert checks._clock("").state == NOTE


def test_a_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert "http://proxy.example:3128" in checks._proxy("https://example.org").words
    assert checks._proxy("http://127.0.0.1:8000").words.startswith("none")
