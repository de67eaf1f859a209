"""A finished task's result as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from tasks.models import Task
from tasks.pages import results
from tasks.selectors import standing
from tasks.services.deliver import ResultExpired, result_of


@dataclass(frozen=True)
class Look:
    """A finished task's result on a page. `shown` is None if it is gone, or too large: then `size`
    says so (bytes).
    """

    shown: results.Shown | None
    size: int
    kept: str


def look(task: Task, ask: results.Ask) -> Look | None:
    """What people see of the result; None as long as there is none, and where there will be none."""
    expires = standing.result_expires(task)
    if expires is None:
        return None
    kept = results.kept_for(expires, timezone.now())
    try:
        raw = result_of(task)
    except ResultExpired:
        return Look(None, 0, kept)
    small = len(raw) <= settings.RESULT_SHOWN_BYTES_MAX
    return Look(results.shown(task.kind, raw, ask) if small else None, len(raw), kept)
