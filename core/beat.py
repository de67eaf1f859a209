"""Signs of life: when the sweep ran last, and jobs that answer.

Redis alone tells the time, so that no two clocks are compared.
"""

from __future__ import annotations

from django.conf import settings

from core import redis

TICK = "fl:tick"  # in no group's slot
KEPT_MS = 7 * 24 * 3600 * 1000
ANSWER_MS = 60_000


def note_tick() -> None:
    redis.connect().set(TICK, 1, px=KEPT_MS)


def tick_age_seconds() -> float | None:
    """Seconds since the last one; None if there was none for a week. It does not wait for a Redis
    that is away.
    """
    left = int(redis.impatient(settings.REDIS_URL, settings.PROBE_SECONDS_MAX).pttl(TICK))
    return (KEPT_MS - left) / 1000 if left >= 0 else None


def answer(word: str) -> None:
    """A job has come through that was sent with this word."""
    redis.connect().set(f"fl:answer:{word}", 1, px=ANSWER_MS)


def was_answered(word: str) -> bool:
    return bool(
        redis.impatient(settings.REDIS_URL, settings.PROBE_SECONDS_MAX).exists(f"fl:answer:{word}")
    )
