"""A finished task's result as the card on its page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from tasks.models import Task
from tasks.pages import results
from tasks.pages.checks import Checks, of_result
from tasks.selectors import task_progress
from tasks.services.deliver import ResultExpired, result_of


@dataclass(frozen=True)
class ResultCard:
    """`shown` is None if the result has expired or is too large to be shown.

    `checks` says how it was checked.

    `size` is in bytes, 0 if the result has expired; `kept` says for how long it is still kept.
    """

    shown: results.Shown | None
    size: int
    kept: str
    checks: Checks


def result_card(task: Task, ask: results.Ask) -> ResultCard | None:
    """What people see of the result; None while there is none, or if there will be none."""
    expires = task_progress.result_expires(task)
    if expires is None:
        return None
    kept = results.kept_for(expires, timezone.now())
    checks = of_result(task)
    try:
        raw = result_of(task)
    except ResultExpired:
        return ResultCard(shown=None, size=0, kept=kept, checks=checks)
    is_small = len(raw) <= settings.RESULT_SHOWN_BYTES_MAX
    shown = results.shown(task.kind, raw, ask) if is_small else None
    return ResultCard(shown=shown, size=len(raw), kept=kept, checks=checks)
