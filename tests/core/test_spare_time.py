"""Whether there is processor time to spare, by clocks of our own."""

from __future__ import annotations

import pytest

from core.spare_time import Clocks, SpareTime, read

BEGIN = Clocks(passed=0.0, machine_total=100.0, machine_idle=40.0, process=7.0)


def later(seconds: float, machine_idle: float, process: float) -> Clocks:
    """So many seconds later, on four cores; of a core: how much was idle, and used by us."""
    return Clocks(
        BEGIN.passed + seconds,
        BEGIN.machine_total + 4 * seconds,
        BEGIN.machine_idle + 4 * seconds * machine_idle,
        BEGIN.process + seconds * process,
    )


def looking(*clocks: Clocks) -> SpareTime:
    given = iter([BEGIN, *clocks])
    return SpareTime(50, lambda: next(given))


@pytest.mark.parametrize(
    ("machine_idle", "process", "is_there"),
    [
        (0.9, 0.1, True),
        (0.5, 0.5, True),
        (0.4, 0.1, False),  # others on this machine need it
        (0.8, 0.9, False),  # this process cannot use a second core
    ],
)
def test_machine_and_process_must_both_have_time_to_spare(
    machine_idle: float, process: float, is_there: bool
) -> None:
    assert looking(later(1.0, machine_idle, process)).is_there(now=1.0) is is_there


def test_one_look_is_good_for_half_a_second() -> None:
    spare = looking(later(1.0, 0.9, 0.1), later(2.0, 0.9, 0.1))
    assert not spare.is_there(now=0.4), "nothing is known yet"
    assert [spare.is_there(now) for now in (1.0, 1.2, 1.4)] == [True] * 3
    assert not spare.is_there(now=2.0) or spare.before.passed == 2.0


def test_clocks_that_stand_still_say_nothing_of_spare_time() -> None:
    assert not looking(BEGIN).is_there(now=1.0)


def test_the_clocks_of_this_machine_go_on() -> None:
    first, second = read(), read()
    assert second.passed >= first.passed > 0
    assert second.process >= first.process > 0
    assert 0 < first.machine_idle <= first.machine_total
