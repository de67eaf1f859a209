"""What the scripts answer, read from Redis' replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tasks.queue.keys import Conns, texts


@dataclass(frozen=True)
class Opened:
    split: int  # subtasks split already
    ended: bool


@dataclass(frozen=True)
class Pushed:
    taken: bool
    gone: bool  # the task has no state: it ended meanwhile
    split: int  # how many subtasks are split now
    complete: bool
    wake: Conns  # connections that wait for such work


def read_pushed(reply: Any) -> Pushed:
    verdict, split, complete, conns = reply
    return Pushed(verdict == b"taken", verdict == b"gone", split, complete == b"1", texts(conns))


@dataclass(frozen=True)
class Granted:
    lease: str
    task: str
    kind: str  # name@version
    seconds_max: float  # per subtask
    subtasks: list[int]
    payloads: list[bytes]


@dataclass(frozen=True)
class Leased:
    granted: Granted | None
    wake: Conns = field(default_factory=list)  # for work of leases reaped on the way
    complete: list[str] = field(default_factory=list)
    ask_again_seconds: float = (
        0.0  # when a second copy of somebody's work may be wanted; 0: not in sight
    )
    requeued: int = 0  # subtasks of lost leases that wait again


def read_leased(lease_id: str, reply: Any) -> Leased:
    found, conns, complete, ask_again_ms, requeued = reply
    granted = None
    if found:
        task, kind, max_ms, subtasks, payloads = found
        granted = Granted(lease_id, task.decode(), kind.decode(), max_ms / 1000, subtasks, payloads)
    return Leased(granted, texts(conns), texts(complete), ask_again_ms / 1000, requeued)


@dataclass(frozen=True)
class Settled:
    """Answer to a result, a failure or a release. `reason` is empty if it was accepted."""

    reason: str = ""
    open: list[int] = field(default_factory=list)  # refused: those that still can be sent
    task: str = ""
    complete: bool = False  # nothing more can change the outcome: conclude
    wake: Conns = field(default_factory=list)
    unwanted: list[tuple[str, str]] = field(
        default_factory=list
    )  # (connection, lease) that may stop
    streak: bool = False  # the worker has failed on tasks of too many submitters in a row
    requeued: int = 0  # subtasks that wait again


def read_completed(reply: Any) -> Settled:
    if reply[0] == b"refused":
        return Settled(reason=reply[1].decode(), open=reply[2])
    _, task, complete, unwanted = reply
    return Settled(task=task.decode(), complete=complete == b"1", unwanted=pairs(unwanted))


def pairs(reply: Any) -> list[tuple[str, str]]:
    return [(conn.decode(), lease_id.decode()) for conn, lease_id in reply]


def read_failed(reply: Any) -> Settled:
    if reply[0] == b"refused":
        return Settled(reason=reply[1].decode())
    _, task, complete, conns, unwanted, streak = reply
    return Settled(
        task=task.decode(),
        complete=complete == b"1",
        wake=texts(conns),
        unwanted=pairs(unwanted),
        streak=streak == b"1",
    )


def read_released(reply: Any) -> Settled:
    if reply[0] == b"refused":
        return Settled(reason=reply[1].decode())
    return Settled(wake=texts(reply[1]))


def read_rejected(reply: Any) -> Settled:
    if reply[0] == b"refused":
        return Settled(reason=reply[1].decode())
    _, task, conns, requeued = reply
    return Settled(task=task.decode(), wake=texts(conns), requeued=requeued)


@dataclass(frozen=True)
class Reaped:
    leases: int
    wake: Conns
    complete: list[str]
    more: bool  # others are overdue still: call again
    requeued: int  # subtasks
