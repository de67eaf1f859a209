"""The liars lie so that only computing it again tells, and what becomes of it is judged right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest

from firmlight_client import kinds, protocol
from tests.attackers.liar import Answer, honest, lie
from tests.attackers.reckoning import (
    FAULT,
    OUTVOTED,
    UNCHECKED,
    Reckoning,
    judge_wrong_result,
)

MEAN = kinds.get("MEAN")
CHECKED = {"how": "sample", "checked_share": 1.0, "reason": ""}
PARTLY = {"how": "sample", "checked_share": 0.5, "reason": ""}
TASK, WORKER = "7", "liar 7"


def lease(params: Any, subtasks: list[int]) -> protocol.Lease:
    payloads = [msgspec.msgpack.encode(payload) for payload in MEAN.split(params)]
    return protocol.Lease(
        lease="1",
        task=TASK,
        group="1",
        kind="MEAN",
        subtasks=subtasks,
        payloads=[payloads[subtask] for subtask in subtasks],
        subtask_seconds_max=60.0,
    )


@pytest.fixture(scope="module")
def params() -> Any:
    numbers = np.random.default_rng(7).integers(-(10**6), 10**6, 5000).astype(np.float64)
    return MEAN.load({"numbers": numbers.tolist()})


def same(one: Any, other: Any) -> bool:
    return MEAN.same(*(kinds.carried_partial(MEAN, partial) for partial in (one, other)))


def check(params: Any, partial: Any, subtasks: list[int]) -> None:
    MEAN.check(kinds.carried_partial(MEAN, partial), subtasks, None, params)


@pytest.mark.parametrize("subtasks", [[0], [1, 2], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("size", [1, 5, 16])
def test_a_lie_passes_what_the_kind_checks_and_is_no_truth(
    params: Any, subtasks: list[int], size: int
) -> None:
    some = lease(params, subtasks)
    check(params, lie(some, size), subtasks)
    assert not same(lie(some, size), honest(some))


def test_those_who_collude_agree_however_it_is_grouped(params: Any) -> None:
    whole = lie(lease(params, [0, 1, 2]), 4)
    pieces = [lie(lease(params, [subtask]), 4) for subtask in (2, 0, 1)]
    assert same(whole, kinds.combine_all(MEAN, pieces))
    assert not same(whole, lie(lease(params, [0, 1, 2]), 3))


def test_a_lie_shows_in_the_result(params: Any) -> None:
    every = list(range(5))
    wrong = kinds.carried_partial(MEAN, lie(lease(params, every), 1))
    right = kinds.carried_partial(MEAN, honest(lease(params, every)))
    assert MEAN.finish(wrong, params)["mean"] != MEAN.finish(right, params)["mean"]


class FakeLiar:
    """What is known of a liar after a run."""

    def __init__(self, *answers: Answer, title: str = "liar", worker: str = WORKER) -> None:
        self.title, self.worker, self.answers = title, worker, list(answers)
        self.told = sum(answer.is_lie for answer in answers)
        self.counts = {"bad_partial": 0}
        self.out_after = None

    def lies_about(self, task: str) -> list[Answer]:
        return [answer for answer in self.answers if answer.task == task and answer.is_lie]

    def truths_about(self, task: str) -> list[Answer]:
        return [answer for answer in self.answers if answer.task == task and not answer.is_lie]


def answer(task: str = TASK, *, is_lie: bool = True, at: float = 100.0) -> Answer:
    return Answer(task, 1, is_lie, at)


def event(what: str, at: float = 0.0) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    return {"what": what, "worker": {"name": WORKER}, "at": moment}


def verdict(verification: Any, liars: list[Any], events: list[Any]) -> str:
    task = {"id": TASK, "verification": verification}
    return judge_wrong_result(task, liars, lambda _: events)


def test_a_wrong_result_that_says_that_it_was_checked_is_our_fault() -> None:
    assert verdict(CHECKED, [FakeLiar(answer())], []) == FAULT


def test_a_wrong_result_about_which_nobody_lied_is_our_fault() -> None:
    assert verdict(PARTLY, [FakeLiar(answer("another"))], []) == FAULT


def test_a_wrong_result_that_was_not_checked_is_told_as_such() -> None:
    liars = [FakeLiar(answer(), answer(is_lie=False))]
    assert verdict(PARTLY, liars, [event("confirmed")]) == UNCHECKED
    undecided = CHECKED | {"reason": "undecided"}
    assert verdict(undecided, liars, []) == UNCHECKED


def test_a_lie_that_was_confirmed_is_our_fault_though_the_rest_was_not_checked() -> None:
    liars = [FakeLiar(answer(), answer(is_lie=False))]
    assert verdict(PARTLY, liars, [event("confirmed"), event("confirmed")]) == FAULT


def test_those_who_collude_outvote_the_others() -> None:
    pair = [FakeLiar(answer(), worker=name) for name in ("one", "two")]
    assert verdict(CHECKED, pair, []) == OUTVOTED


def test_every_lie_is_met_or_stood_or_is_moot() -> None:
    liar: Any = FakeLiar(
        answer("right"), answer("wrong", at=50.0), answer("wrong", at=150.0), answer("cancelled")
    )
    is_right = {"right": True, "wrong": False}
    found = Reckoning([liar], is_right, lambda _: [event("taken_out", at=100.0)])
    assert (found.told, found.met, found.stood, found.moot) == (4, 2, 1, 1)
    assert found.out == "not found"
