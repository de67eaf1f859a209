"""When Celery beat last ran the sweep. Redis' clock alone is used, so no two are compared."""

from __future__ import annotations

from django.conf import settings

from core import redis

TICK = "fl:tick"  # in no group's slot
KEPT_MS = 7 * 24 * 3600 * 1000


def note_tick() -> None:
    """Note that the sweep runs now."""
    redis.connect().set(TICK, 1, px=KEPT_MS)


def tick_age_seconds() -> float | None:
    """Seconds since the last sweep; None if there was none for a week.

    Gives up soon where Redis does not reply.
    """
    left = int(redis.impatient(settings.REDIS_URL, settings.PROBE_SECONDS_MAX).pttl(TICK))
    return (KEPT_MS - left) / 1000 if left >= 0 else None
