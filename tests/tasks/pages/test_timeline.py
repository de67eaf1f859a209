"""The timeline's shapes: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.event_log import Bar
from tasks.pages.timeline import TICKS_MAX, Scale, clock, lanes, scale, span

TEN = Scale(0, 10_000, 2000)


def bar(
    start: int, end: int | None, *, worker: str = "w", how: str = "leased", outcome: str = "done"
) -> Bar:
    return Bar(f"{worker}{start}", worker, start, end, how, outcome, 2)


def test_a_bar_lies_where_its_time_is() -> None:
    (shape,) = lanes([bar(2000, 7000)], TEN, 9000)["w"]
    assert (shape.x, shape.width, shape.y, shape.css_class) == (20.0, 50.0, 6, "tb")
    assert shape.title == "2 subtasks, 5.0 s, done"


def test_what_runs_reaches_to_now() -> None:
    (shape,) = lanes([bar(2000, None, outcome="running")], TEN, 9000)["w"]
    assert (shape.width, shape.css_class) == (70.0, "tb tb-now")


def test_leases_at_one_time_lie_in_two_rows_and_a_third_over_them() -> None:
    shapes = lanes([bar(0, 5000), bar(1000, 3000), bar(2000, 4000), bar(5000, 6000)], TEN, 9000)[
        "w"
    ]
    assert [shape.y for shape in shapes] == [6, 18, 18, 6]


@pytest.mark.parametrize(
    ("how", "outcome", "css_class", "mark", "mark_x"),
    [
        ("leased", "lost", "tb tb-lost", "lost", 70.0),
        ("leased", "failed", "tb tb-lost", "lost", 70.0),
        ("again", "done", "tb tb-took", "took", 20.0),
        ("copied", "overtaken", "tb-copy", "", 20.0),
    ],
)
def test_what_is_out_of_the_ordinary_is_marked(
    how: str, outcome: str, css_class: str, mark: str, mark_x: float
) -> None:
    (shape,) = lanes([bar(2000, 7000, how=how, outcome=outcome)], TEN, 9000)["w"]
    assert (shape.css_class, shape.mark, shape.mark_x) == (css_class, mark, mark_x)


def test_workers_keep_the_order_in_which_they_came() -> None:
    row = [bar(0, 1, worker="b"), bar(1, 2, worker="a"), bar(2, 3, worker="b")]
    assert list(lanes(row, TEN, 10)) == ["b", "a"]


def test_the_scale_stays_until_now_gets_to_its_end() -> None:
    assert scale(0, 61_000, runs=True) == scale(0, 70_000, runs=True) == Scale(0, 70_000, 10_000)
    assert scale(0, 70_001, runs=True) == Scale(0, 80_000, 10_000)
    assert scale(0, 70_001, runs=False).end == 70_001, "what is over takes the whole width"


@given(st.integers(0, 10**10))
def test_there_are_never_too_many_ticks(spent: int) -> None:
    found = scale(5, 5 + spent, runs=True)
    assert found.at(5 + spent) <= 100
    assert len(found.ticks) <= TICKS_MAX + 1


@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from("xy")),
        max_size=40,
    )
)
def test_every_bar_is_drawn_within_its_lane(times: list[tuple[int, int, str]]) -> None:
    row = [bar(min(a, b), max(a, b), worker=worker) for a, b, worker in times]
    drawn = lanes(row, TEN, 10_000)
    assert sum(map(len, drawn.values())) == len(row)
    assert all(
        0 <= shape.x <= 100 and shape.x + shape.width <= 100.3
        for lane in drawn.values()
        for shape in lane
    )


@pytest.mark.parametrize(("ms", "words"), [(0, "0:00"), (65_000, "1:05"), (3_600_000, "1:00:00")])
def test_time_since_the_start(ms: int, words: str) -> None:
    assert clock(ms) == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (45, "45 ms"),
        (3210, "3.2 s"),
        (51_000, "51 s"),
        (245_000, "4 min 5 s"),
        (7_800_000, "2 h 10 min"),
    ],
)
def test_how_long_in_words(ms: int, words: str) -> None:
    assert span(ms) == words
