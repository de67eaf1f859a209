"""What is counted against the owner of workers, because new workers cost nothing.

It spans all groups, so it lies in no group's slot. If Redis loses it, new workers of a suspended
owner may work again until they fail, too.
"""

from __future__ import annotations

from django.conf import settings

from core import redis
from core.windows import count_in_window
from tasks.queue.keys import Id, ms


async def count_bad_partial(owner: Id) -> int:
    """Count a bad partial of this owner's workers; returns how many within BAD_PARTIALS_HOURS."""
    return await count_in_window(f"fl:bad-partials:{owner}", _window_ms())


def note_suspension(owner: Id, reason: str) -> None:
    """Suspend also this owner's new workers, for BAD_PARTIALS_HOURS."""
    redis.connect().set(_suspension_key(owner), reason, px=_window_ms())


def suspension_of(owner: Id) -> str:
    """Why all workers of this owner are suspended, new ones as well; "" if they are not."""
    found: bytes | None = redis.connect().get(_suspension_key(owner))  # type: ignore[assignment]
    return (found or b"").decode()


def lift_suspension(owner: Id) -> None:
    """Let new workers of this owner have work again.

    What was counted stays: the next bad partial suspends all of them.
    """
    redis.connect().unlink(_suspension_key(owner))


def _suspension_key(owner: Id) -> str:
    return f"fl:suspended:{owner}"


def _window_ms() -> int:
    return ms(settings.BAD_PARTIALS_HOURS * 3600)
