"""Jobs that answer: proof that a queue's jobs are taken and run."""

from __future__ import annotations

from django.conf import settings

from core import redis

ANSWER_MS = 60_000  # how long an answer is kept


def answer(word: str) -> None:
    """Note that the job that was sent with this word has run."""
    redis.connect().set(_key(word), 1, px=ANSWER_MS)


def was_answered(word: str) -> bool:
    """Whether that job has run. Gives up soon where Redis does not reply."""
    client = redis.impatient(settings.REDIS_URL, settings.PROBE_SECONDS_MAX)
    return bool(client.exists(_key(word)))


def _key(word: str) -> str:
    return f"fl:answer:{word}"  # in no group's slot
