"""How often a watched task is announced."""

from __future__ import annotations

import time

from django.conf import settings

from tasks import events

_announced: dict[str, float] = {}  # task -> when, monotonic seconds; losing it costs one message
ANNOUNCED_MAX = 10_000


async def announce_progress(task: str, group: str) -> None:
    """Notify everybody who watches, at most LIVE_UPDATES_PER_SECOND times a second for each task
    and process.
    """
    now = time.monotonic()
    if now - _announced.get(task, 0.0) < 1 / settings.LIVE_UPDATES_PER_SECOND:
        return
    if len(_announced) >= ANNOUNCED_MAX:
        _announced.clear()
    _announced[task] = now
    await events.task_changed(task, group)
