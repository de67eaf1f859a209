"""Bars and thinning: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.event_log import Bar, Entry, bars, thinned


def entry(
    at: int, what: str, lease: str = "a", subtasks: int = 1, left: int = 0, worker: str = "w"
) -> Entry:
    return Entry(at, at, what, worker, lease, subtasks, left)


def test_a_lease_is_a_bar_from_grant_to_its_last_result() -> None:
    (bar,) = bars(
        [
            entry(1, "leased", subtasks=5, left=5),
            entry(4, "done", subtasks=2, left=3),
            entry(9, "done", subtasks=3),
        ]
    )
    assert bar == Bar("a", "w", 1, 9, "leased", "done", 5, done=5)


def test_what_still_runs_has_no_end() -> None:
    (bar,) = bars([entry(1, "leased", subtasks=5, left=5), entry(4, "done", subtasks=2, left=3)])
    assert (bar.end, bar.outcome, bar.done) == (None, "running", 2)


def test_a_lost_lease_ends_and_its_late_result_counts() -> None:
    granted, lost = entry(1, "leased"), entry(5, "lost")
    assert bars([granted, lost])[0].outcome == "lost"
    (bar,) = bars([granted, lost, entry(8, "done")])
    assert (bar.end, bar.outcome, bar.done) == (8, "done", 1)


def test_a_lease_with_a_failure_is_marked_even_if_the_rest_went_well() -> None:
    (bar,) = bars(
        [entry(1, "leased", subtasks=3), entry(2, "failed", left=2), entry(5, "done", subtasks=2)]
    )
    assert (bar.outcome, bar.done, bar.end) == ("failed", 2, 5)


def test_events_of_the_whole_task_and_of_leases_before_the_log_are_no_bars() -> None:
    assert (
        bars(
            [
                entry(1, "split", lease=""),
                entry(2, "done", lease="older"),
                entry(3, "paused", lease=""),
            ]
        )
        == []
    )


def test_leases_that_follow_each_other_are_joined_and_those_that_went_wrong_are_not() -> None:
    row = [Bar("a", "w", at, at + 9, "leased", "done", 2, done=2) for at in range(0, 1000, 10)]
    row[50] = Bar("a", "w", 500, 509, "leased", "lost", 2)
    kept = thinned(row, 5)
    assert [(bar.start, bar.end, bar.outcome, bar.leases) for bar in kept] == [
        (0, 499, "done", 50),
        (500, 509, "lost", 1),
        (510, 999, "done", 49),
    ]


times = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 5000), st.sampled_from("xyz")), max_size=60
)
outcomes = st.sampled_from(["done", "done", "done", "lost", "failed"])


@given(times, outcomes, st.integers(1, 30))
def test_thinning_loses_no_work_and_no_time(
    spans: list[tuple[int, int, str]], outcome: str, most: int
) -> None:
    row = [
        Bar(f"{w}{start}", w, start, start + length, "leased", outcome, 3, done=3)
        for start, length, w in sorted(spans)
    ]
    kept = thinned(row, most)
    for worker in "xyz":
        before, after = (
            [b for b in row if b.worker == worker],
            [b for b in kept if b.worker == worker],
        )
        assert sum(b.done for b in after) == sum(b.done for b in before)
        assert sum(b.leases for b in after) == len(before)
        if before:
            assert min(b.start for b in after) == min(b.start for b in before)
            assert max(b.end or 0 for b in after) == max(b.end or 0 for b in before)
    if outcome == "done":
        assert len(kept) <= max(most, 3)
    else:
        assert kept == row, "what went wrong stays as it was"
