"""A watched task is announced so many times a second at most."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tasks.worker_socket import progress_throttle
from tasks.worker_socket.progress_throttle import ProgressThrottle


@given(st.lists(st.integers(0, 20_000), max_size=100).map(sorted))
def test_two_announcements_of_a_task_are_never_too_close(milliseconds: list[int]) -> None:
    throttle = ProgressThrottle()
    allowed = [ms for ms in milliseconds if throttle.allows("task", ms / 1000, per_second=5)]
    assert all(later - earlier >= 199 for earlier, later in itertools.pairwise(allowed))
    assert bool(allowed) == bool(milliseconds), "the first one always goes"


def test_each_task_has_its_own_pace() -> None:
    throttle = ProgressThrottle()
    assert throttle.allows("a", 1.0, 5)
    assert throttle.allows("b", 1.0, 5)
    assert not throttle.allows("a", 1.1, 5)
    assert throttle.allows("a", 1.3, 5)


def test_what_is_remembered_does_not_grow_without_end() -> None:
    throttle = ProgressThrottle()
    for number in range(progress_throttle.TASKS_MAX + 1):
        assert throttle.allows(str(number), 1.0, 5)
    assert len(throttle._announced) <= progress_throttle.TASKS_MAX
