"""The moves of a task, on the real database, and the states of a contribution."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from tasks import states
from tasks.models import Task


def test_final_states_have_no_way_out() -> None:
    assert {states.SUCCEEDED, states.FAILED, states.CANCELLED} == states.FINAL
    assert set(states.STATES) == states.FINAL | states.LIVE


def test_every_state_can_be_reached_from_queued() -> None:
    reached, new = {states.QUEUED}, {states.QUEUED}
    while new:
        new = {end for start in new for end in states.TASK_MOVES.get(start, ())} - reached
        reached |= new
    assert reached == set(states.STATES)


@pytest.mark.parametrize("start", sorted(states.FINAL))
def test_a_final_task_moves_nowhere(start: str) -> None:
    with pytest.raises(states.IllegalMove, match=start):
        Task.objects.all().move(start, states.RUNNING)


def test_a_move_from_another_state_changes_nothing(submit: Callable[..., Task]) -> None:
    task = submit()
    assert Task.objects.filter(pk=task.pk).move(states.RUNNING, states.AGGREGATING) == 0
    task.refresh_from_db()
    assert task.status == states.QUEUED


def test_a_move_to_a_final_state_notes_when(submit: Callable[..., Task]) -> None:
    task = submit()
    assert Task.objects.filter(pk=task.pk).move(states.QUEUED, states.CANCELLED) == 1
    task.refresh_from_db()
    assert task.finished is not None
    assert task.is_final


def test_one_update_moves_from_any_of_several_states(
    submit: Callable[..., Task],
    django_assert_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    """A task that goes back from aggregating to running while it is cancelled is not missed between
    two updates.
    """
    task = submit()
    with django_assert_num_queries(1):
        assert Task.objects.filter(pk=task.pk).move_from(sorted(states.LIVE), states.CANCELLED) == 1
    assert Task.objects.filter(pk=task.pk).move_from(sorted(states.LIVE), states.FAILED) == 0
    with pytest.raises(states.IllegalMove, match="queued -> succeeded"):
        Task.objects.all().move_from([states.QUEUED, states.AGGREGATING], states.SUCCEEDED)


@pytest.mark.django_db(transaction=True)
def test_of_eight_racing_movers_exactly_one_wins(submit: Callable[..., Task]) -> None:
    task = submit()

    def race(_: int) -> int:
        try:
            return Task.objects.filter(pk=task.pk).move(states.QUEUED, states.RUNNING)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(race, range(8))) == 1


@pytest.mark.parametrize(
    ("subtasks", "checks", "failures", "lost", "state"),
    [
        (3, 0, 0, 0, states.DONE),
        (3, 0, 2, 5, states.DONE),
        (0, 4, 2, 5, states.DONE),
        (0, 0, 2, 0, states.FAILED),
        (0, 0, 2, 5, states.FAILED),
        (0, 0, 0, 5, states.LOST),
        (0, 0, 0, 0, states.RELEASED),
    ],
)
def test_what_a_worker_was_to_a_task_that_is_over(
    subtasks: int, checks: int, failures: int, lost: int, state: str
) -> None:
    work = {"subtasks": subtasks, "checks": checks, "failures": failures, "lost": lost}
    assert states.contribution_state(**work, vanished=False, is_over=True) == state


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_a_worker_that_vanished_is_lost_and_works_otherwise_as_long_as_the_task_lives(
    subtasks: int, checks: int, failures: int, lost: int, is_over: bool
) -> None:
    work = {"subtasks": subtasks, "checks": checks, "failures": failures, "lost": lost}
    state = states.contribution_state
    assert state(**work, vanished=True, is_over=is_over) == states.LOST
    assert state(**work, vanished=False, is_over=False) == states.WORKING
    assert state(**work, vanished=False, is_over=is_over) in states.CONTRIBUTION_STATES
