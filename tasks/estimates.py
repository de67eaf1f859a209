"""How long something may take, as ranges in round steps. Pure."""

from __future__ import annotations

import math

Range = tuple[float, float]
# (below so many seconds, so many seconds a step)
STEPS = ((60.0, 5.0), (300.0, 10.0), (3600.0, 60.0), (36_000.0, 600.0))
LONG_STEP_SECONDS = 3600.0
SOON_SECONDS = 5


def round_range(low: float, high: float) -> Range:
    """A range of seconds in steps that suit it, never narrower than a step.

    43.1 to 66 is (40, 70).
    """
    step = next((step for limit, step in STEPS if high < limit), LONG_STEP_SECONDS)
    bottom = math.floor(low / step) * step
    return bottom, max(math.ceil(high / step) * step, bottom + step)


def time_left(subtasks: float, rates: list[float], margin: float = 0.15) -> Range | None:
    """Seconds until so many subtasks are done, if any of these rates (a second) goes on.

    None if no rate is known.
    """
    known = [rate for rate in rates if rate > 0]
    if not known:
        return None
    return round_range(subtasks / max(known) * (1 - margin), subtasks / min(known) * (1 + margin))


def in_words(eta: Range | None) -> str:
    """A range of seconds: "40 to 70 s", "2 to 3 min", "a moment"."""
    if eta is None:
        return "not known yet"
    low, high = eta
    if high <= SOON_SECONDS:
        return "a moment"
    for seconds, unit in ((3600, "h"), (60, "min")):
        if low >= seconds or high >= 5 * seconds:
            return f"{_short(low / seconds)} to {_short(high / seconds)} {unit}"
    return f"{low:.0f} to {high:.0f} s"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def hours(seconds: float) -> str:
    """1.4 h, 12 min, 8 s"""
    if seconds >= 3600:
        return f"{seconds / 3600:,.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
