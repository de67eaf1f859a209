"""Inputs and results of tasks: bytes with a time to live.

Inputs up to INLINE_BYTES_MAX are in Redis; of tasks that have ended, results and the inputs of
failed ones, only up to KEPT_INLINE_BYTES_MAX. Larger ones are in file storage, and Redis holds the
name of the file; whoever reads them need not know which.
"""

from __future__ import annotations

from django.conf import settings
from redis.exceptions import OutOfMemoryError, ResponseError

from core import redis
from tasks import file_store
from tasks.queue import sweeping
from tasks.queue.keys import (
    Id,
    failed_input_key,
    input_key,
    ms,
    result_key,
    submissions_key,
)

ATTEMPT_SECONDS = 3600.0  # an attempt to submit lasts no longer
NO_SUCH_KEY = -2  # what PTTL answers then
# How a value begins that names a file and its size. Neither MessagePack nor JSON begins so.
IN_FILE = b"\xc1"


def input_file(data: bytes) -> str:
    """The name of the file that this input is to be in; "" if it fits into Redis."""
    small = len(data) <= settings.INLINE_BYTES_MAX
    return "" if small else file_store.new_name(file_store.INPUTS, data)


def result_file(data: bytes) -> str:
    """The name of the file that this result is to be in; "" if it fits into Redis."""
    small = len(data) <= settings.KEPT_INLINE_BYTES_MAX
    return "" if small else file_store.new_name(file_store.RESULTS, data)


def begin_input(group: Id, task: Id, attempt: str) -> None:
    """Note that an attempt is about to store a task's input: no other one drops it meanwhile."""
    name = submissions_key(group, task)
    pipe = redis.connect().pipeline(transaction=False)
    pipe.sadd(name, attempt)
    pipe.pexpire(name, ms(ATTEMPT_SECONDS))
    pipe.execute()


def end_input(group: Id, task: Id, attempt: str) -> None:
    """Note that an attempt needs no input, because another one has submitted the task."""
    redis.connect().srem(submissions_key(group, task), attempt)


def put_input(group: Id, task: Id, data: bytes, file: str = "") -> bool:
    """Store a task's input, in this file if it is given; False if the task has another one.

    The task may have been split from that one already; a second submission must not change it.
    """
    key, value = input_key(group, task), _written(file, data)
    client = redis.connect()
    stored = client.set(key, value, px=_input_ms(), nx=True)
    # Sent again after a lost connection, the command finds what it has stored itself.
    mine = bool(stored) or client.get(key) == value
    sweeping.note_group(group)
    return mine


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


def large_failed_input(group: Id, failed: Id) -> bytes | None:
    """The input of a failed task if it is in Redis, and too large to be kept there."""
    value = bytes(redis.connect().get(failed_input_key(group, failed)) or b"")  # type: ignore[arg-type]
    is_large = len(value) > settings.KEPT_INLINE_BYTES_MAX and not _file(value)[0]
    return value if is_large else None


def move_failed_input(group: Id, failed: Id, data: bytes, file: str) -> bool:
    """Write a failed task's input into this file.

    False if it is not kept any more, or if Redis is too full to take another value.
    """
    value = _written(file, data)
    try:
        kept = redis.connect().set(failed_input_key(group, failed), value, xx=True, keepttl=True)
    except OutOfMemoryError:
        return False
    return bool(kept)


def failed_input_bytes(group: Id, failed: Id) -> int:
    """The bytes of the input that is kept of a failed task, in Redis or in a file; 0: none is."""
    value = bytes(redis.connect().get(failed_input_key(group, failed)) or b"")  # type: ignore[arg-type]
    name, size = _file(value)
    return size if name else len(value)


def kept(group: Id, task: Id) -> tuple[int, float]:
    """What Redis keeps of an ended task: how many bytes in all, and for how many seconds."""
    pipe = redis.connect().pipeline(transaction=False)
    for name in (failed_input_key(group, task), result_key(group, task)):
        pipe.strlen(name)
        pipe.pttl(name)
    *failed, size, left = pipe.execute()
    return failed[0] + size, max(failed[1], left, 0) / 1000


def put_result(group: Id, task: Id, data: bytes, file: str = "") -> None:
    """Store a task's result, in this file if it is given."""
    value = _written(file, data)
    redis.connect().set(result_key(group, task), value, px=ms(settings.RESULT_TTL_HOURS * 3600))


def get_result(group: Id, task: Id, most: int | None = None) -> bytes | None:
    """A task's result; None if there is none, or if it has more than `most` bytes."""
    return _get(result_key(group, task), most)


def drop_result(group: Id, task: Id) -> None:
    redis.connect().unlink(result_key(group, task))


def drop_kept(group: Id, task: Id) -> None:
    """Drop all that Redis keeps of an ended task."""
    redis.connect().unlink(result_key(group, task), failed_input_key(group, task))


def _input_ms() -> int:
    return ms(settings.INPUT_TTL_HOURS * 3600)


def _written(file: str, data: bytes) -> bytes:
    """What Redis is to hold for these bytes: themselves, or the file they are written into."""
    if not file:
        return data
    file_store.write(file, data)
    return IN_FILE + f"{file} {len(data)}".encode()


def _file(value: bytes) -> tuple[str, int]:
    """The name and the size of the file that a value is in; ("", 0) if it is in none."""
    if not value.startswith(IN_FILE):
        return "", 0
    name, _, size = value.removeprefix(IN_FILE).decode().partition(" ")
    return name, int(size)


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
