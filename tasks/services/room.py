"""Room in Redis: what is accepted must fit, so that it can end.

Redis refuses every write once it is full: log-ins, heartbeats, results. So a task reserves what it
will put there, and is refused if that would take Redis beyond ROOM_PERCENT_MAX of its memory. The
rest is for what nobody can reserve exactly: partials, log-ins, messages. A task that turns out to
need more reserves it while it is split; if there is none, its split waits. What Redis keeps of a
task after its end stays reserved until it expires.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from uuid import UUID

from django.conf import settings

from core import redis_memory
from core.errors import FirmlightError
from tasks import blobs
from tasks.models import Task
from tasks.queue import room
from tasks.queue.progress import Progress
from tasks.queue.splitting import payload_bytes
from tasks.services.files import QuotaUsed

SUBTASK_BYTES = 120  # what Redis needs for a subtask beside its payload
TASK_BYTES = 16 * 1024  # the least that a task reserves
PAYLOADS_SHARE = 1.25  # of the bytes of an input; what a kind makes of it is somewhat larger
KEPT_BYTES = 512  # what Redis needs for a key beside its value
PARTIALS_BYTES_MAX = 64 * 2**20  # reserved for the partials of one task at most
ROWLESS_SECONDS = 3600.0  # how long a reservation may wait for its task's row


class NoRoom(FirmlightError):
    """Redis is so full that new work would keep accepted work from ending."""

    code, status = "no_room", 507

    def __init__(self, free: int, needed: int) -> None:
        self.free_bytes, self.needed_bytes = max(free, 0), needed
        super().__init__(
            f"The server has room for {self.free_bytes:,} bytes of new work, and this takes "
            f"{needed:,}. Try again when other tasks have ended."
        )

    def as_dict(self) -> dict[str, object]:
        sizes = {"free_bytes": self.free_bytes, "needed_bytes": self.needed_bytes}
        return {**super().as_dict(), **sizes}


def check(size: int) -> None:
    """Refuse an upload of `size` bytes before it is read. Raises NoRoom."""
    free = _free()
    if free is None:
        return
    free -= room.to_come()
    if free < _estimate(size):
        raise NoRoom(free, _estimate(size))


def reserve(task: Task, size: int) -> None:
    """Reserve what a task with an input of `size` bytes will take. Raises NoRoom and QuotaUsed."""
    need = _estimate(size)
    _reserve(task, need, need)


def keep(task: Task) -> None:
    """Release what a task that has ended had reserved, except for what Redis keeps of it.

    Its result, or the input of one that failed, counts until it expires.
    """
    size, seconds = blobs.kept(task.group_id, task.pk)
    if not size:
        release([task.pk])
        return
    room.keep(
        task.pk,
        owner=task.creator_id or "",
        group=task.group_id,
        need=int(size * PAYLOADS_SHARE) + KEPT_BYTES,
        seconds=seconds,
    ).now()


def release(tasks: Sequence[UUID]) -> None:
    room.unreserve(tasks).now()


def release_expired() -> int:
    """Release what ended tasks kept in Redis until it expired; returns how many."""
    expired = room.expired()
    return room.unreserve(expired).now().found if expired else 0


def release_forgotten(live: set[str]) -> int:
    """Release what tasks have reserved that are not in `live`; returns how many.

    Only those that have had time to get a row, and that keep nothing.
    """
    before = time.time() - ROWLESS_SECONDS
    candidates = [
        task for task, when in list(room.reservations()) if when < before and task not in live
    ]
    kept = room.among_kept(candidates)
    forgotten = [task for task in candidates if task not in kept]
    return room.unreserve(forgotten).now().found if forgotten else 0


class Reservation:
    """What a task that is being split has reserved.

    Its subtasks that are done need no room any more, unless their payloads are kept to check them,
    or as canaries. So a split that waited for room goes on when workers have done some of them.
    """

    def __init__(self, task: Task, progress: Progress | None = None) -> None:
        self._task = task
        self._reserved, self._left = room.reserved_by(task.pk)
        each = room.partial_bytes(task.group_id, task.kind_key, task.creator_id or "")
        self._partial = min(each, settings.PARTIAL_BYTES_MAX)
        self._partials_max = _partials_max() if each else 0.0
        split = progress.split if progress else 0
        self._partials = min(self._partial * split, self._partials_max)  # estimated so far
        spent = self._reserved - self._left
        if split:
            spent = payload_bytes(task.group_id, task.pk)
        self._need = self._left + spent

    def take(self, payloads: Sequence[bytes]) -> bool:
        """Whether there is room for these subtasks and their partials; it is reserved then."""
        self._size = sum(map(len, payloads)) + SUBTASK_BYTES * len(payloads)
        partials = min(self._partials + self._partial * len(payloads), self._partials_max)
        short = self._size + int(partials) - self._left
        if short <= 0:
            self._partials = partials
            return True
        if not self._get(self._need + short, short):
            return False
        self._need += short
        self._partials = partials
        return True

    def take_again(self, payloads: Collection[bytes]) -> bool:
        """Whether there is room for these, made anew of subtasks that were done; it is reserved.

        They are put into Redis immediately. It need not be more than the task has reserved before,
        but others may have taken what its subtasks left when they were done.
        """
        size = sum(map(len, payloads)) + SUBTASK_BYTES * len(payloads)
        if not size:
            return True
        if not self._get(max(self._need + size, self._reserved), size):
            return False
        self._need += size
        self._left = room.spend(self._task.pk, size).now().left
        return True

    def _get(self, need: int, to_come: int) -> bool:
        """Whether there is room for all that the task needs, with so many bytes more to come."""
        try:
            _reserve(self._task, need, self._left + to_come)
        except (NoRoom, QuotaUsed):
            return False
        self._reserved, self._left = need, self._left + to_come
        return True

    def spend(self, *, last: bool) -> None:
        """The subtasks of the last `take` are in Redis. Behind the `last`, only partials come."""
        size = self._left - int(self._partials) if last else self._size
        self._left = room.spend(self._task.pk, max(size, 0)).now().left


def _estimate(size: int) -> int:
    """The bytes that the subtasks of an input of `size` bytes are likely to take in Redis."""
    return max(int(size * PAYLOADS_SHARE), TASK_BYTES)


def _partials_max() -> float:
    """The most that one task reserves for its partials: they are only an estimate."""
    most = redis_memory.look().most
    if not most:
        return PARTIALS_BYTES_MAX
    owner_max = most * settings.ROOM_PERCENT_MAX / 100 * settings.MEMBER_ROOM_PERCENT_MAX / 100
    return min(owner_max * settings.PARTIALS_RESERVED_PERCENT_MAX / 100, PARTIALS_BYTES_MAX)


def _free() -> int | None:
    """Bytes left below ROOM_PERCENT_MAX of Redis' memory; None: it has no limit."""
    return redis_memory.look().free_below(settings.ROOM_PERCENT_MAX)


def _reserve(task: Task, need: int, left: int) -> None:
    memory = redis_memory.look()
    free = memory.free_below(settings.ROOM_PERCENT_MAX)
    whole = memory.most * settings.ROOM_PERCENT_MAX / 100
    owner_max = int(whole * settings.MEMBER_ROOM_PERCENT_MAX / 100)
    group_max = int(whole * settings.GROUP_ROOM_PERCENT_MAX / 100)
    answer = room.reserve(
        task.pk,
        owner=task.creator_id or "",
        group=task.group_id,
        need=need,
        left=left,
        left_max=free,
        owner_max=owner_max if memory.most else None,
        group_max=group_max if memory.most else None,
    ).now()
    if answer.reason == "room":
        raise NoRoom((free or 0) - answer.held, left)
    if answer.reason == "owner":
        raise _quota("Your tasks", answer.held, need, owner_max)
    if answer.reason == "group":
        raise _quota("The tasks of this group", answer.held, need, group_max)


def _quota(whose: str, held: int, need: int, most: int) -> QuotaUsed:
    return QuotaUsed(
        f"{whose} hold {held:,} of {most:,} bytes of the server's memory, and this one takes "
        f"{need:,}. Try again when some of them have ended, and what is kept of them has expired."
    )
