"""`firmlight config`: rules in a file that its owner may also write by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from firmlight_client.worker.consent import group_file
from tests.support.cli import firmlight

BY_HAND = """\
# What my attic machine does.
slots = 3          # it has four cores

[groups."Lab Seven"]
kinds = ["MEAN"]   # they pay the electricity
"""


@pytest.fixture
def file() -> Path:
    path = Path(os.environ["FIRMLIGHT_HOME"]) / "worker.toml"
    path.parent.mkdir()
    path.write_text(BY_HAND)
    return path


def test_what_is_set_is_shown_and_the_rest_stays_as_it_was_written(file: Path) -> None:
    assert (
        firmlight("config", "set", "hours", "22:00-07:00, sat-sun").stdout
        == 'hours = ["22:00-07:00", "sat-sun"]\n'
    )
    assert firmlight("config", "set", "slots", "1", "--group", "lab seven").returncode == 0
    assert firmlight("config", "set", "on_battery", "yes").stdout == "on_battery = true\n"
    text = file.read_text()
    assert all(line in text for line in BY_HAND.splitlines())
    rows = [json.loads(line) for line in firmlight("config", "--json").stdout.splitlines()]
    assert [row["group"] for row in rows] == ["*", "Lab Seven"]
    assert [row["slots"] for row in rows] == [3, 1]
    assert rows[1]["kinds"] == ["MEAN"]
    assert all(row["hours"] == ["22:00-07:00", "sat-sun"] and row["on_battery"] for row in rows)


def test_a_file_is_made_where_there_is_none() -> None:
    assert firmlight("config", "set", "network", "none", "--group", "Friends").returncode == 0
    shown = firmlight("config").stdout
    assert "every group" in shown
    assert "Friends" in shown


def test_what_is_unset_is_gone(file: Path) -> None:
    assert firmlight("config", "unset", "kinds", "--group", "Lab Seven").returncode == 0
    assert "Lab Seven" not in file.read_text()
    assert firmlight("config", "unset", "nice").stdout == "nice is not set\n"
    assert "slots = 3          # it has four cores" in file.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "hours", "noon"], "no span of hours"),
        (["set", "slots", "many"], "slots"),
        (["set", "nice", "30"], "nice"),
        (["set", "colour", "red"], "there is no rule 'colour'"),
        (["set", "network", "all"], "Invalid enum value 'all'"),
        (["set", "name", "attic", "--group", "Lab Seven"], "name is not of a group"),
    ],
)
def test_what_cannot_be_meant_is_said_and_changes_nothing(
    file: Path, words: list[str], said: str
) -> None:
    done = firmlight("config", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert file.read_text() == BY_HAND


def test_a_broken_file_is_left_alone(file: Path) -> None:
    file.write_text("slots = = 3")
    done = firmlight("config", "set", "slots", "2")
    assert done.returncode == 1
    assert str(file) in done.stderr
    assert file.read_text() == "slots = = 3"


# Names of groups, and what they mean

LAB = "aaaaaaaa-0000-4000-8000-000000000001"
URL = "https://lab.example.org"


@pytest.fixture
def heard(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The worker has been connected: the lab was "Lab Seven" then, and is "Old Lab" now."""
    monkeypatch.setenv("FIRMLIGHT_URL", URL)
    monkeypatch.setenv("FIRMLIGHT_TOKEN", "none that matters")
    group_file.remember(file.parent, URL, {LAB: "Old Lab"}, {"Lab Seven": LAB})
    return file


def test_a_group_is_shown_by_the_name_it_has_now_and_found_by_either(heard: Path) -> None:
    assert 'Lab Seven  (now called "Old Lab")' in firmlight("config").stdout
    (_, row) = [json.loads(line) for line in firmlight("config", "--json").stdout.splitlines()]
    assert (row["group"], row["id"], row["name"], row["fits"]) == (
        "Lab Seven",
        LAB,
        "Old Lab",
        True,
    )
    for name in ("old lab", "lab seven", LAB):
        assert (
            firmlight("config", "set", "slots", "1", "--group", name).stdout
            == "[Lab Seven] slots = 1\n"
        )
    assert heard.read_text().count("[groups.") == 1


def test_a_name_that_fits_no_group_is_said_with_what_to_do(heard: Path) -> None:
    said = firmlight("config", "set", "slots", "1", "--group", "Lab Sevn").stdout
    assert 'The rule for "Lab Sevn" fits no group of yours.' in said
    shown = firmlight("config").stdout
    assert "Lab Sevn  (fits no group of yours)" in shown
    assert "Groups without a rule of their own get nothing" in shown
    assert "fits no group of yours" in firmlight("doctor").stdout
    done = firmlight("config", "unset", "--group", "Lab Sevn")
    assert done.stdout == "there is no rule for Lab Sevn any more\n"
    assert "fits no group" not in firmlight("config").stdout


def test_a_rule_that_is_removed_or_forgotten_is_looked_up_anew(heard: Path) -> None:
    assert firmlight("config", "forget", "Lab Seven").stdout.startswith(
        "Lab Seven is looked up anew"
    )
    assert group_file.load(heard.parent, URL).bound == {}
    group_file.remember(heard.parent, URL, {LAB: "Old Lab"}, {"Lab Seven": LAB})
    firmlight("config", "unset", "--group", "Old Lab")
    assert "Lab Seven" not in heard.read_text()
    assert group_file.load(heard.parent, URL).bound == {}


def test_without_a_rule_or_a_group_nothing_is_unset(file: Path) -> None:
    done = firmlight("config", "unset")
    assert done.returncode == 1
    assert "say which rule" in done.stderr
    assert file.read_text() == BY_HAND
