"""Inputs and results of tasks: bytes in Redis, each with a time to live."""

from __future__ import annotations

from django.conf import settings
from redis.exceptions import ResponseError

from core import redis
from tasks.queue import sweeping
from tasks.queue.keys import Id, failed_input_key, input_key, ms, result_key

NO_SUCH_KEY = -2  # what PTTL answers then


def put_input(group: Id, task: Id, data: bytes) -> None:
    """Store a task's input, unless it has one.

    The task may have been split from the first one already; a second submission must not change it.
    """
    redis.connect().set(input_key(group, task), data, px=_input_ms(), nx=True)
    sweeping.note_group(group)


def get_input(group: Id, task: Id) -> bytes | None:
    return redis.connect().get(input_key(group, task))  # type: ignore[return-value]


def drop_input(group: Id, task: Id) -> None:
    redis.connect().unlink(input_key(group, task))


def keep_input(group: Id, task: Id) -> bool:
    """Keep the input of a waiting task from expiring; False if it is lost already."""
    name, whole = input_key(group, task), _input_ms()
    left = int(redis.connect().pttl(name))
    if 0 < left < whole / 2:  # each write waits for the disk, so not at every sweep
        redis.connect().pexpire(name, whole)
    return left != NO_SUCH_KEY


def keep_failed_input(group: Id, task: Id) -> None:
    """Keep a failed task's input for FAILED_INPUT_HOURS, so that it can be submitted again."""
    aside = failed_input_key(group, task)
    _rename(input_key(group, task), aside)
    redis.connect().pexpire(aside, ms(settings.FAILED_INPUT_HOURS * 3600))


def get_failed_input(group: Id, task: Id) -> bytes | None:
    return redis.connect().get(failed_input_key(group, task))  # type: ignore[return-value]


def take_failed_input(group: Id, failed: Id, task: Id) -> bool:
    """Make a failed task's input that of a new task; False if it is not kept any more.

    Of two callers one gets it.
    """
    mine = input_key(group, task)
    _rename(failed_input_key(group, failed), mine)
    sweeping.note_group(group)
    return bool(redis.connect().pexpire(mine, _input_ms()))


def put_result(group: Id, task: Id, data: bytes) -> None:
    redis.connect().set(result_key(group, task), data, px=ms(settings.RESULT_TTL_HOURS * 3600))


def get_result(group: Id, task: Id) -> bytes | None:
    return redis.connect().get(result_key(group, task))  # type: ignore[return-value]


def drop_result(group: Id, task: Id) -> None:
    redis.connect().unlink(result_key(group, task))


def _input_ms() -> int:
    return ms(settings.INPUT_TTL_HOURS * 3600)


def _rename(old: str, new: str) -> None:
    """Rename a key if it is there.

    One that is missing may have been renamed by this very call, which is sent again when the
    connection breaks before the reply.
    """
    try:
        redis.connect().rename(old, new)
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
