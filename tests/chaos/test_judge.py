"""The judge of the chaos run sees what it is there to see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.workload import Order, judge

RIGHT = {"count": 3, "sum": 3, "values": [0, 1, 2]}


def verdict(status: str = "succeeded", result: Any = RIGHT, **changes: Any) -> str:
    """Of an ECHO of three, done by two workers."""
    order = Order("1", 0, "ECHO", {"count": 3}, RIGHT, must_fail=changes.pop("must_fail", False))
    order.cancelled = changes.pop("cancelled", False)
    forgiven, error, shares = (
        changes.pop("forgiven", False),
        changes.pop("error", None),
        changes.pop("shares", [1, 2]),
    )
    counts = {"total": 3, "done": 3, "leased": 0, "waiting": 0, "failed": 0} | changes
    rows = [{"subtasks": share} for share in shares]
    task = {
        "status": status,
        "error": error and {"code": error},
        "counts": counts,
        "contributions": rows,
    }
    judge(order, task, result, forgiven=forgiven)
    return order.verdict


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "exact"),
        ({"result": RIGHT | {"values": [0, 1, 1]}}, "wrong"),
        ({"result": None}, "lost"),
        ({"result": None, "forgiven": True}, "failed"),
        ({"shares": [2, 2]}, "twice"),
        ({"shares": [1, 1]}, "twice"),
        ({"done": 4, "shares": [2, 2]}, "twice"),
        ({"status": "failed", "error": "subtask_failed"}, "wrong"),
        ({"status": "failed", "error": "subtask_failed", "must_fail": True}, "failed"),
        ({"status": "failed", "error": "input_lost"}, "wrong"),
        ({"status": "failed", "error": "input_lost", "forgiven": True}, "failed"),
        ({"must_fail": True}, "wrong"),
        ({"status": "cancelled"}, "wrong"),
        ({"status": "cancelled", "cancelled": True}, "cancelled"),
    ],
)
def test_every_end_gets_its_verdict(facts: dict[str, Any], expected: str) -> None:
    assert verdict(**facts) == expected
