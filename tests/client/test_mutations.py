"""Wrong partials differ from the right one, leave it as it is, and are what a liar might send."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from firmlight_client.mutations import mutated


def all_of(value: Any, *others: Any, times: int = 400) -> list[Any]:
    """What comes of many changes, each once."""
    chance, before, found = random.Random(1), copy.deepcopy(value), list[Any]()
    for _ in range(times):
        changed = mutated(value, others, chance)
        if not any(changed == known and type(changed) is type(known) for known in found):
            found.append(changed)
    assert value == before, "the right one is not touched"
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, [4, 6, 10, -5]),
        (0.5, [1.5, -0.5, 1.0]),
        (True, [False]),
        (None, [None]),
        ("9", ["", "99", "1", "8"]),
        (b"\0", [b"", b"\0\0", b"\1", b"\x80"]),
        ([1, 2], [[1], [2], [1, 2, 2], [1, 2, 1], [2, 1], [2, 2], [1, 3], [1, -2]]),
        ({"a": 1}, [{}, {"a": 2}, {"a": -1}, {"b": 1}]),
        ([], [[]]),
        ({}, [{}]),
        ("", ["x"]),
    ],
)
def test_each_sort_of_value_is_changed_in_its_own_way(value: Any, expected: list[Any]) -> None:
    found = all_of(value)
    assert [wrong for wrong in expected if wrong not in found] == []


def test_entries_come_from_other_subtasks() -> None:
    found = all_of([[0, "a"]], [[1, "b"]], [[2, "c"]])
    for expected in ([[1, "b"]], [[0, "a"], [2, "c"]], [[1, "a"]], [[0, "c"]]):
        assert expected in found
    assert [] in all_of([7], []), "from one that is empty, too"


def test_the_same_seed_gives_the_same_changes() -> None:
    value = [3, ["x", 1.5], {"k": b"y"}]
    assert all_of(value) == all_of(value)


def test_changes_lie_deep_within() -> None:
    assert [[[[[2]]]]] in all_of([[[[[1]]]]])
