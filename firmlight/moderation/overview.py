"""The admin's first page: today in numbers, and the last hour as a chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from tasks import statistics

MINUTES = 60
CHART_HEIGHT = 120  # px
FAILED_SHOWN = 5


@dataclass(frozen=True)
class Bar:
    """One minute. `x` and `width` in per cent of the chart, `y` and `height` in px from its top."""

    x: float
    width: float
    y: float
    height: float
    label: str


def facts(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the overview shows; nothing of it for staff who may not look at tasks."""
    if not request.user.has_perm("tasks.view_task"):
        return context
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    pace = statistics.pace(MINUTES)
    return {
        **context,
        "today": statistics.tasks_since(midnight),
        "online": statistics.workers_online(now),
        "failures": statistics.failures_since(midnight),
        "failed": statistics.failed_since(midnight, FAILED_SHOWN),
        "bars": bars(pace),
        "pace_words": f"{sum(pace):,} subtasks in the last hour, at most {max(pace):,} in a minute",
        "chart_height": CHART_HEIGHT,
    }


def bars(pace: list[int]) -> list[Bar]:
    """One bar a minute, the present one last; the highest fills the chart."""
    width, most = 100 / len(pace), max(*pace, 1)
    heights = [round(CHART_HEIGHT * done / most, 1) for done in pace]
    return [
        Bar(round(i * width, 3), round(width * 0.8, 3), CHART_HEIGHT - height, height, _label(len(pace) - 1 - i, done))
        for i, (height, done) in enumerate(zip(heights, pace, strict=True))
    ]


def _label(ago: int, done: int) -> str:
    return f"{done:,} subtasks, {f'{ago} min ago' if ago else 'this minute'}"
