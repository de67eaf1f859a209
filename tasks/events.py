"""Messages that leave the app: a job is to run, a worker may start, an open page has changed.

Jobs are sent by name, so that this module imports none of them. A socket may miss a message
(pub/sub delivers at most once): workers ask again by themselves, pages get snapshots, and the sweep
finds forgotten jobs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from core import broker
from core.broker import LOST
from tasks.data_format import FORMAT
from tasks.models import Task

Id = UUID | str
SEND_SECONDS_MAX = 10.0
log = structlog.get_logger(__name__)


def split(task: Id, *, patient: bool = False) -> None:
    """Split this task; `patient`: after all others that wait to be split."""
    _ask("tasks.split", [str(task)], queue="bulk" if patient else "long")


def conclude(task: Id, *, attempt: int | None = None, patient: bool = False) -> None:
    """Conclude this task; `patient`: it takes long, and must not hold up others.

    `attempt`: also if it is being concluded already, in place of the attempt of this number (see
    `services.conclude`).
    """
    _ask("tasks.conclude", [str(task), attempt, patient], queue="long" if patient else "short")


def compare(task: Id) -> None:
    """Compare the answers to this task's checks."""
    _ask("tasks.compare", [str(task)], queue="short")


def _ask(job: str, arguments: list[Any], queue: str) -> None:
    """Send a job; if it is lost, the sweep asks again.

    A process of a release before formats had numbers takes no job with `data_format`.
    """
    broker.send_job(job, arguments, queue=queue, data_format=FORMAT)


async def conclude_later(tasks: Iterable[str]) -> None:
    """From the event loop: the broker's client blocks, so it gets a thread."""
    for task in tasks:
        await sync_to_async(conclude, thread_sensitive=False)(task)


async def compare_later(task: str) -> None:
    """The same for `compare`."""
    await sync_to_async(compare, thread_sensitive=False)(task)


def task_topic(task: Id) -> str:
    return f"task.{task}"


def group_topic(group: Id) -> str:
    return f"group.{group}"


def user_topic(user: Id) -> str:
    return f"user.{user}"


def worker_topic(worker: Id) -> str:
    return f"worker.{worker}"


# From the event loop


async def wake(conns: Iterable[str], group: Id) -> None:
    """Let these idle connections know that the group has work for them."""
    for conn in conns:
        await _send(conn, {"type": "work.available", "group": str(group)})


async def cancel(pairs: Iterable[tuple[str, str]], reason: str) -> None:
    """Let the holders of these (connection, lease) pairs stop."""
    by_conn: dict[str, list[str]] = {}
    for conn, lease in pairs:
        by_conn.setdefault(conn, []).append(lease)
    for conn, leases in by_conn.items():
        await _send(conn, {"type": "leases.cancelled", "leases": leases, "reason": reason})


async def follow_up(group: Id, conns: Iterable[str], complete: Iterable[str]) -> None:
    """Pass on what a move in the queue led to: wake these connections, conclude these tasks."""
    await wake(conns, group)
    await conclude_later(complete)


async def workers_changed(workers: Iterable[Id]) -> None:
    """Let every connection of these workers check now what it may still do.

    That is its token, its groups and whether it is suspended.
    """
    for worker in workers:
        await get_channel_layer().group_send(worker_topic(worker), {"type": "worker.changed"})


async def access_changed(user: Id, workers: Iterable[Id]) -> None:
    """Let every connection of this user check now whether it may stay: pages and workers."""
    await get_channel_layer().group_send(user_topic(user), {"type": "access.changed"})
    await workers_changed(workers)


async def notifications_changed(users: Iterable[Id]) -> None:
    """Let the open pages of these users look at their notifications."""
    for user in users:
        await get_channel_layer().group_send(user_topic(user), {"type": "notifications.changed"})


async def drain(worker: Id) -> None:
    """Ask every connection of this worker to finish what it holds and leave."""
    await get_channel_layer().group_send(worker_topic(worker), {"type": "worker.drain"})


async def task_changed(task: Id, group: Id, *, final: bool = False) -> None:
    """Notify all that watch the task or its group. `final`: it is over; never held back."""
    message = {"type": "task.changed", "task": str(task), "group": str(group), "final": final}
    layer = get_channel_layer()
    await layer.group_send(task_topic(task), message)
    await layer.group_send(group_topic(group), message)


async def group_changed(group: Id) -> None:
    """Notify all that watch the group: its workers came or went."""
    await get_channel_layer().group_send(
        group_topic(group),
        {"type": "task.changed", "task": "", "group": str(group), "final": False},
    )


async def _send(conn: str, message: dict[str, Any]) -> None:
    await get_channel_layer().send(conn, message)


# From blocking code. It has one event loop per process, so that the channel layer keeps one
# connection.


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="events", daemon=True).start()
    return loop


def publish(news: Coroutine[Any, Any, None]) -> None:
    """Run one of the above to its end, from a job or a view.

    A message that cannot be sent is logged, not raised: what it is about has happened already.
    """
    try:
        asyncio.run_coroutine_threadsafe(news, _loop()).result(SEND_SECONDS_MAX)
    except LOST:
        log.warning("news_not_sent", exc_info=True)


def announce(task: Task, *, final: bool = False) -> None:
    """Notify all that watch this task or its group: it has moved on. `final`: it is over."""
    publish(task_changed(task.pk, task.group_id, final=final))
