"""News wait for their turn; what is expensive waits longer."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.live_socket.pace import Pace


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50).map(sorted))
def test_updates_that_wait_as_they_are_asked_to_are_never_too_close(asked: list[float]) -> None:
    pace = Pace(per_second=5)
    went: list[float] = []
    for now in asked:
        goes_at = now + pace.wait_seconds("task", now)
        if went and goes_at <= went[-1]:
            continue  # it goes together with the one before
        pace.note_update("task", goes_at)
        went.append(goes_at)
    assert went[0] == asked[0], "the first one waits for nothing"
    assert all(b - a >= 0.2 - 1e-9 for a, b in itertools.pairwise(went))


def test_each_key_has_a_pace_of_its_own() -> None:
    pace = Pace(per_second=5)
    pace.note_update("a", 10.0)
    assert pace.wait_seconds("a", 10.1) == pytest.approx(0.1)
    assert pace.wait_seconds("b", 10.1) == 0.0


def test_what_is_expensive_takes_its_share_of_a_processor_at_most() -> None:
    pace = Pace(per_second=5, cpu_share_max=0.1)
    for _ in range(30):
        pace.note_cost(0.5)
    assert pace.pause_seconds == pytest.approx(5.0)
    pace.note_update("", 10.0)
    assert pace.wait_seconds("", 11.0) == pytest.approx(4.0)


def test_without_a_share_the_cost_does_not_matter() -> None:
    pace = Pace(per_second=5)
    pace.note_cost(100.0)
    assert pace.pause_seconds == 0.2
