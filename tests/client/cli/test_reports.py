"""What the command line shows of a task."""

from __future__ import annotations

from typing import Any

from firmlight_client.cli.reports import task_report

TASK = {
    "id": "T1",
    "status": "succeeded",
    "kind": "MEAN",
    "title": "Rain",
    "progress": 1.0,
    "counts": {"done": 12},
}
ROW = {
    "worker": {"id": "W1", "name": "attic"},
    "member": {"id": "U1", "username": "anna"},
    "subtasks": 12,
    "share": 100.0,
    "compute_seconds": 1.25,
}


def last_line(**row: Any) -> str:
    return task_report({**TASK, "contributions": [{**ROW, **row}]}).splitlines()[-1]


def test_a_contribution_is_one_line() -> None:
    assert last_line(lost=0) == "  anna (attic): 12 subtasks, 100.0 %, 1.2 s"


def test_it_says_what_was_lost() -> None:
    assert last_line(lost=3) == "  anna (attic): 12 subtasks, 100.0 %, 1.2 s, 3 lost"


def test_it_says_what_was_computed_for_checks_and_what_was_taken_out() -> None:
    line = last_line(checks=4, lost=0, taken_out=2)
    assert line.endswith(" 1.2 s, 4 computed for checks, 2 taken out")


def test_a_server_that_does_not_say_what_was_lost_will_do() -> None:
    assert last_line(member=None) == "  a former member (attic): 12 subtasks, 100.0 %, 1.2 s"


def checks(**facts: Any) -> list[str]:
    return task_report({**TASK, **facts}).splitlines()[2:]


def test_it_says_how_the_result_was_checked() -> None:
    said = {"how": "sample", "sentence": "4 % recomputed by two other members,\x1b all agreed."}
    assert checks(verify="auto", verify_asked="", verification=said) == [
        "4 % recomputed by two other members, all agreed."
    ]


def test_it_says_what_is_to_be_checked_and_that_the_group_asks_for_more() -> None:
    assert checks(status="running", verify="auto", verify_asked="") == ["to be checked: auto"]
    assert checks(status="running", verify="all", verify_asked="all") == ["to be checked: all"]
    assert checks(status="running", verify="sample", verify_asked="none") == [
        "to be checked: sample, as the group asks, not none"
    ]
    assert checks(verify="auto", verification=None) == []


def test_a_server_that_knows_no_checks_will_do() -> None:
    assert checks(status="running") == []
