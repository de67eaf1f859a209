"""Inputs and results of tasks: bytes with a time to live.

Up to INLINE_BYTES_MAX they are in Redis. Larger ones are in file storage, and Redis holds the name
of the file; nobody else needs to know which.
"""

from __future__ import annotations

from django.conf import settings
from redis.exceptions import ResponseError

from core import redis
from tasks import file_store
from tasks.queue import sweeping
from tasks.queue.keys import Id, failed_input_key, input_key, ms, result_key

NO_SUCH_KEY = -2  # what PTTL answers then
# How a value begins that names a file and its size. Neither MessagePack nor JSON begins so.
IN_FILE = b"\xc1"


def put_input(group: Id, task: Id, data: bytes) -> str:
    """Store a task's input, unless it has one; returns the digest of its file, "" if it has none.

    The task may have been split from the first one already; a second submission must not change it.
    If it is the same input, its file is written again: the purge looks at a file's age.
    """
    key, value = input_key(group, task), _packed(file_store.INPUTS, data)
    client = redis.connect()
    if not client.set(key, value, px=_input_ms(), nx=True):
        held = bytes(client.get(key) or b"")  # type: ignore[arg-type]
        if _digest(value) and _digest(value) == _digest(held):
            client.set(key, value, px=_input_ms(), xx=True)
        value = held
    sweeping.note_group(group)
    return _digest(value)


def get_input(group: Id, task: Id) -> bytes | None:
    return _get(input_key(group, task))


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
    return _get(failed_input_key(group, task))


def take_failed_input(group: Id, failed: Id, task: Id) -> bool:
    """Make a failed task's input that of a new task; False if it is not kept any more.

    Of two callers one gets it.
    """
    mine = input_key(group, task)
    _rename(failed_input_key(group, failed), mine)
    sweeping.note_group(group)
    return bool(redis.connect().pexpire(mine, _input_ms()))


def put_result(group: Id, task: Id, data: bytes) -> str:
    """Store a task's result; returns the digest of its file, "" if it has none."""
    value = _packed(file_store.RESULTS, data)
    redis.connect().set(result_key(group, task), value, px=ms(settings.RESULT_TTL_HOURS * 3600))
    return _digest(value)


def get_result(group: Id, task: Id, most: int | None = None) -> bytes | None:
    """A task's result; None if there is none, or if it has more than `most` bytes."""
    return _get(result_key(group, task), most)


def drop_result(group: Id, task: Id) -> None:
    redis.connect().unlink(result_key(group, task))


def _input_ms() -> int:
    return ms(settings.INPUT_TTL_HOURS * 3600)


def _packed(area: str, data: bytes) -> bytes:
    """What Redis holds for these bytes: themselves, or the file they are in."""
    if len(data) <= settings.INLINE_BYTES_MAX:
        return data
    return IN_FILE + f"{file_store.write(area, data)} {len(data)}".encode()


def _file(value: bytes) -> tuple[str, int]:
    """The name and the size of the file that a value is in; ("", 0) if it is in none."""
    if not value.startswith(IN_FILE):
        return "", 0
    name, _, size = value.removeprefix(IN_FILE).decode().partition(" ")
    return name, int(size)


def _digest(value: bytes) -> str:
    name, _ = _file(value)
    return file_store.digest_in(name)


def _get(key: str, most: int | None = None) -> bytes | None:
    value = redis.connect().get(key)
    if value is None:
        return None
    data = bytes(value)  # type: ignore[arg-type]
    name, size = _file(data)
    if most is not None and max(size, len(data)) > most:
        return None
    return file_store.read(name) if name else data


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
