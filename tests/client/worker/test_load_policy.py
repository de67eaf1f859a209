"""When a worker makes room, and how calmly."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmlight_client.protocol import ALL_GROUPS
from firmlight_client.worker import machine
from firmlight_client.worker.consent.hours import open_at, parse_span
from firmlight_client.worker.consent.rules import Consent, Rules
from firmlight_client.worker.load_policy import (
    CALM_DOWN_SECONDS,
    COME_BACK_SECONDS,
    IDLE_SECONDS,
    LoadPolicy,
    MachineState,
    fitting,
    reason,
)

NOON = datetime(2030, 1, 30, 12)  # a Wednesday
STEP = 5.0


def at(now: float = 0.0, others: float = 0.0, **more: Any) -> MachineState:
    return MachineState(now, **{"clock": NOON, "cores": 4, **more}, others_cores=others)


def allowed_after(loads: list[float], slots: int = 4) -> list[int]:
    """How many slots are allowed after each look, STEP seconds apart."""
    policy = LoadPolicy(Consent(), slots)
    return [policy.judge(at(number * STEP, load)).slots for number, load in enumerate(loads)]


def test_it_makes_room_soon_and_comes_back_late() -> None:
    busy, quiet = int(CALM_DOWN_SECONDS / STEP), int(COME_BACK_SECONDS / STEP)
    allowed = allowed_after([0.0] + [2.0] * (busy + 1) + [0.0] * (quiet + 1))
    assert allowed[busy : busy + 2] == [4, 2]
    assert allowed[-2:] == [2, 4]


def test_a_machine_that_is_full_gets_all_of_it() -> None:
    policy = LoadPolicy(Consent(groups={"Lab": {}}), 4)
    verdicts = [policy.judge(at(number * STEP, 4.0)) for number in range(4)]
    assert verdicts[-1].slots == 0
    assert verdicts[-1].resting.keys() == {ALL_GROUPS, "Lab"}
    assert "4.0 of 4" in verdicts[-1].why


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 3.0]), min_size=2, max_size=200))
def test_a_short_peak_or_lull_changes_nothing(loads: list[float]) -> None:
    """Nothing changes before it has been wanted for long enough, without a break."""
    allowed, since, before = 4, 0.0, 4
    policy = LoadPolicy(Consent(), 4)
    for number, load in enumerate(loads):
        now, wanted = number * STEP, fitting(4, 4, load)
        if wanted == allowed or fitting(4, 4, loads[number - 1]) == allowed or number == 0:
            since = now
        before, allowed = allowed, policy.judge(at(now, load)).slots
        if allowed != before:
            assert now - since >= (CALM_DOWN_SECONDS if allowed < before else COME_BACK_SECONDS)


@given(st.integers(1, 64), st.integers(1, 64), st.floats(0, 64))
def test_what_fits_never_takes_what_others_use(slots: int, cores: int, others: float) -> None:
    fits = fitting(slots, cores, others)
    assert 0 <= fits <= slots
    assert fits == 0 or fits + others <= cores + 0.5 + 1e-9
    assert fitting(slots, cores, others + 1) <= fits
    assert fits == slots or fits + 1 + others > cores + 0.5 - 1e-9


def test_a_worker_that_is_set_to_always_work_does() -> None:
    policy = LoadPolicy(Consent({"yield_to_others": False, "on_battery": True}), 4)
    assert [policy.judge(at(n * STEP, 4.0, on_battery=True)) for n in range(20)][-1].slots == 4


@pytest.mark.parametrize(
    ("rules", "around", "why"),
    [
        (Rules(), at(on_battery=True), "on battery"),
        (Rules(on_battery=True), at(on_battery=True), ""),
        (Rules(), at(on_battery=None), ""),
        (Rules(hours=["22:00-07:00"]), at(), "works at 22:00-07:00 only"),
        (Rules(hours=["09:00-17:00"]), at(), ""),
        (Rules(idle_only=True), at(idle_seconds=10.0), "somebody uses this machine"),
        (Rules(idle_only=True), at(idle_seconds=IDLE_SECONDS), ""),
        (
            Rules(idle_only=True),
            at(idle_seconds=None),
            "cannot tell here whether somebody uses this machine",
        ),
        (Rules(), at(idle_seconds=10.0), ""),
    ],
)
def test_each_rule_has_its_reason(rules: Rules, around: MachineState, why: str) -> None:
    assert reason(rules, around) == why


def test_one_group_may_rest_while_others_work() -> None:
    policy = LoadPolicy(Consent(groups={"Night shift": {"hours": ["22:00-06:00"]}}), 2)
    assert policy.judge(at()).resting == {"Night shift": "works at 22:00-06:00 only"}


@pytest.mark.parametrize(
    ("span", "day", "clock", "holds"),
    [
        ("22:00-07:00", 30, "23:00", True),
        ("22:00-07:00", 30, "06:59", True),
        ("22:00-07:00", 30, "07:00", False),
        ("wed 22:00-07:00", 30, "06:00", False),  # it begins on Wednesday evening
        ("wed 22:00-07:00", 31, "06:00", True),
        ("sat-sun", 30, "12:00", False),
        ("fri-mon", 28, "23:59", True),
        ("SAT-SUN 08:00-24:00", 27, "23:59", True),
        ("00:00-00:00", 30, "13:00", True),
    ],
)
def test_hours(span: str, day: int, clock: str, holds: bool) -> None:
    hour, minute = map(int, clock.split(":"))
    if day == 27:
        assert datetime(2030, 1, day).weekday() == 6
    assert open_at([span], datetime(2030, 1, day, hour, minute)) is holds


@pytest.mark.parametrize(
    "span", ["", "noon", "25:00-26:00", "12:60-13:00", "xyz", "mon-tue-wed", "10:00"]
)
def test_what_is_no_span_is_refused(span: str) -> None:
    with pytest.raises(ValueError, match=r"no span|no day|there is no"):
        parse_span(span)


@given(
    st.datetimes(datetime(2030, 1, 1), datetime(2030, 2, 1)),
    st.integers(0, 1439),
    st.integers(0, 1439),
)
def test_a_span_and_its_complement_fill_the_day(moment: datetime, start: int, end: int) -> None:
    def clock(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    if start != end:
        one = open_at([f"{clock(start)}-{clock(end)}"], moment)
        other = open_at([f"{clock(end)}-{clock(start)}"], moment + timedelta(0))
        assert one != other


def test_the_load_of_others_is_seen_and_ones_own_is_not() -> None:
    monitor = machine.MachineMonitor(mind_idle=True)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        pass
    seen = monitor.look([os.getppid(), 2**22 + 1])
    assert 0 <= seen.others_cores <= seen.cores
    assert seen.clock.tzinfo
    assert seen.idle_seconds is None or seen.idle_seconds >= 0
