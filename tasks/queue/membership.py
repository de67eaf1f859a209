"""Former members: what their workers hold is taken back, and nothing is leased to them.

The connections of workers look at the database when they are told to, and now and then; until then
the queue must know by itself.
"""

from __future__ import annotations

from django.conf import settings

from core import redis
from tasks.queue.answers import Revoked
from tasks.queue.keys import Id, base_key, limits, ms
from tasks.queue.scripts import Call, run_all
from tasks.queue.sweeping import tasks_with_state


def dismiss(group: Id, owner: Id) -> Revoked:
    """Take back all that the workers of a former member hold, and refuse what they still send.

    They get no lease until each of their connections has looked at the database.
    """
    until_checked = ms(settings.MEMBERSHIP_CHECK_SECONDS * 2)
    redis.connect().set(_left_key(group, owner), 1, px=max(until_checked, 1))
    revoked = run_all([revoke(group, task, owner) for task in tasks_with_state(group)])
    return Revoked(
        held=[lease for each in revoked for lease in each.held],
        wake=[conn for each in revoked for conn in each.wake],
    )


def revoke(group: Id, task: Id, owner: Id) -> Call[Revoked]:
    """Take back what the owner's workers hold of one task."""
    args = {"task": str(task), "owner": str(owner), **limits()}
    return Call("revoke", base_key(group), args, Revoked)


def readmit(group: Id, owner: Id) -> None:
    """The user is a member again: their workers get leases."""
    redis.connect().unlink(_left_key(group, owner))


def _left_key(group: Id, owner: Id) -> str:
    return f"{base_key(group)}:left:{owner}"
