"""How often a watched task is announced."""

from __future__ import annotations

import time

from django.conf import settings

from tasks import events

TASKS_MAX = 10_000  # that are remembered


class ProgressThrottle:
    """At most so many announcements a second for each task. Pure: `now` is the caller's clock."""

    def __init__(self) -> None:
        self._announced: dict[str, float] = {}  # task -> when, seconds

    def allows(self, task: str, now: float, per_second: float) -> bool:
        """Whether the task may be announced now; if so, that counts as announced."""
        last = self._announced.get(task)
        if last is not None and now - last < 1 / per_second:
            return False
        if len(self._announced) >= TASKS_MAX:
            self._announced.clear()  # costs one announcement more of each task
        self._announced[task] = now
        return True


_throttle = ProgressThrottle()  # of this process


async def announce_progress(task: str, group: str) -> None:
    """Notify all that watch the task, LIVE_UPDATES_PER_SECOND times a second at most."""
    if _throttle.allows(task, time.monotonic(), settings.LIVE_UPDATES_PER_SECOND):
        await events.task_changed(task, group)
