"""What one user's connections may send: honest ones never meet the limit, others are warned and
closed.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client import protocol
from tasks.frame_budget import MINUTE, FrameBudget, FrameBudgets, FrameMeter, Verdict

FINE, WARN, CLOSE = Verdict.FINE, Verdict.WARN, Verdict.CLOSE
MIB = 2**20


def test_a_flood_is_warned_once_and_closed_when_it_goes_on() -> None:
    meter = FrameMeter(FrameBudget(frames_per_minute=100, bytes_per_minute=MIB))
    verdicts = [meter.take(10, now=0.0) for _ in range(111)]
    assert verdicts == [FINE] * 100 + [WARN] + [FINE] * 9 + [CLOSE]


def test_bytes_count_as_frames_do() -> None:
    meter = FrameMeter(FrameBudget(frames_per_minute=100, bytes_per_minute=10 * MIB))
    assert [meter.take(4 * MIB, now=0.0) for _ in range(4)] == [FINE, FINE, WARN, CLOSE]


def test_even_a_frame_larger_than_a_minutes_bytes_is_warned_of_first() -> None:
    meter = FrameMeter(FrameBudget(frames_per_minute=100, bytes_per_minute=MIB))
    assert [meter.take(16 * MIB, now=0.0), meter.take(1, now=0.0)] == [WARN, CLOSE]


def test_a_worker_that_slows_down_after_the_warning_stays() -> None:
    meter = FrameMeter(FrameBudget(frames_per_minute=60, bytes_per_minute=MIB))
    assert [meter.take(1, now=0.0) for _ in range(61)][-1] is WARN
    assert {meter.take(1, now=float(second)) for second in range(2, 300)} == {FINE}


def test_what_settles_work_does_not_count_as_a_frame() -> None:
    meter = FrameMeter(FrameBudget(frames_per_minute=60, bytes_per_minute=1024 * MIB))
    for _ in range(10_000):
        assert meter.take(100, now=0.0) is FINE
        meter.give_back()


def test_frames_of_the_largest_size_may_come_at_half_a_gigabit_a_second(settings) -> None:
    meter = FrameMeter(
        FrameBudget(settings.WORKER_FRAMES_PER_MINUTE_MAX, settings.WORKER_BYTES_PER_MINUTE_MAX)
    )
    times = [number * protocol.FRAME_MAX_BYTES / (32 * MIB) for number in range(600)]
    assert {meter.take(protocol.FRAME_MAX_BYTES, now) for now in times} == {FINE}


@given(
    per_minute=st.integers(60, 10_000),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=200),
    size=st.integers(1, 100),
)
def test_whoever_keeps_to_the_rate_is_never_warned(
    per_minute: int, pauses: list[float], size: int
) -> None:
    meter = FrameMeter(FrameBudget(per_minute, per_minute * size))
    least, now = MINUTE / per_minute, 0.0
    for pause in pauses:
        now += least + pause
        assert meter.take(size, now) is FINE


@pytest.mark.parametrize("frames_per_second", [5, 1000])
def test_no_more_than_a_minute_and_a_tenth_gets_in_before_the_close(frames_per_second: int) -> None:
    meter, now, taken = FrameMeter(FrameBudget(60, MIB)), 0.0, 0
    while meter.take(1, now) is not CLOSE:
        taken += 1
        now += 1 / frames_per_second
    assert taken <= 60 * 1.1 + now + 1


def test_connections_of_one_user_share_what_they_may_send() -> None:
    budgets = FrameBudgets(frames_per_minute=100, bytes_per_minute=MIB)
    meters = [FrameMeter(budgets.of("mallory", 0.0)) for _ in range(20)]
    for _ in range(5):
        assert {meter.take(10, now=0.0) for meter in meters} == {FINE}
    assert {meter.take(10, now=0.0) for meter in meters[:10]} == {WARN}  # each hears of it first
    assert meters[0].take(10, now=0.0) is CLOSE
    assert FrameMeter(budgets.of("alice", 0.0)).take(10, now=0.0) is FINE


def test_a_new_connection_brings_no_new_budget() -> None:
    budgets = FrameBudgets(frames_per_minute=60, bytes_per_minute=MIB)
    for _ in range(60):
        assert FrameMeter(budgets.of("mallory", 0.0)).take(10, now=0.0) is FINE
    assert FrameMeter(budgets.of("mallory", 0.0)).take(10, now=0.0) is WARN
    assert FrameMeter(budgets.of("mallory", 30.0)).take(10, now=30.0) is FINE


def test_a_budget_is_forgotten_when_it_is_full_again(monkeypatch) -> None:
    monkeypatch.setattr("tasks.frame_budget.USERS_MAX", 2)
    budgets = FrameBudgets(frames_per_minute=60, bytes_per_minute=MIB)
    busy, idle = budgets.of("busy", 0.0), budgets.of("idle", 0.0)
    FrameMeter(busy).take(10, now=0.0)
    budgets.of("newcomer", 0.1)
    assert budgets.of("busy", 0.1) is busy
    assert budgets.of("idle", 0.1) is not idle


def test_what_is_refused_costs_more_and_the_next_frame_hears_of_it() -> None:
    meter = FrameMeter(FrameBudget(frames_per_minute=100, bytes_per_minute=MIB))
    assert meter.take(10, now=0.0) is FINE
    meter.charge(99, now=0.0)
    assert meter.take(10, now=0.0) is WARN
