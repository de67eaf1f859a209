"""The admin's first page: today in numbers, and the last hour as a chart."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from tasks.pages import charts
from tasks.selectors import statistics

MINUTES = 60
CHART_HEIGHT = 120  # px
FAILED_SHOWN = 5


def facts(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the overview shows; nothing for staff who may not see tasks."""
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
        "bars": charts.columns(pace, charts.minutes(pace), top_px=0, base_px=CHART_HEIGHT),
        "pace_words": f"{sum(pace):,} subtasks in the last hour, at most {max(pace):,} in a minute",
        "chart_height": CHART_HEIGHT,
    }
