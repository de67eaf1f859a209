"""The noting end. It costs about a microsecond, is safe from threads and event loops, and never
raises.
"""

from __future__ import annotations

import atexit
import os
import threading
from bisect import bisect_left
from collections import Counter
from uuid import uuid4

import structlog
from django.conf import settings
from redis.exceptions import RedisError

from core import redis
from core.metrics.families import HISTOGRAMS

BASE = "fl:{metrics}"  # one cluster slot of its own
TOTALS = f"{BASE}:totals"  # hash: field -> sum
PROCESSES = f"{BASE}:processes"  # set of process ids
WRITE_SECONDS_MAX = 2.0
ROLE = "role"
BETWEEN = "|"  # name, labels and what it is of a field
log = structlog.get_logger(__name__)


class Notes:
    """What this process has noted and not written yet, and what it has open."""

    def __init__(self) -> None:
        self.begin("other")

    def begin(self, role: str) -> None:
        self.id, self.role = uuid4().hex, role
        self.totals: Counter[str] = Counter()  # of floats, too
        self.open: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.writer: threading.Thread | None = None


_notes = Notes()


def count(name: str, amount: float = 1, *labels: str) -> None:
    if amount:
        _add({field(name, *labels): amount})


def observe(name: str, seconds: float, *labels: str) -> None:
    """Into the histogram `name`: the first bucket whose bound is not below, and the sum."""
    bounds = HISTOGRAMS[name].buckets
    place = bisect_left(bounds, seconds)
    bound = f"{bounds[place]:g}" if place < len(bounds) else "+Inf"
    _add({field(name, *labels, f"le={bound}"): 1, field(name, *labels, "sum"): seconds})


def now_open(name: str, change: int, *labels: str) -> None:
    """So many more (or fewer) are open in this process now."""
    with _notes.lock:
        _notes.open[field(name, *labels)] += change
    _start()


def run_as(role: str) -> None:
    """What this process is: web, jobs, sweep or beat. It counts as there until it ends."""
    _notes.role = role
    _start()


def field(name: str, *labels: str) -> str:
    return BETWEEN.join((name, *labels))


def _add(amounts: dict[str, float]) -> None:
    with _notes.lock:
        for key, amount in amounts.items():
            _notes.totals[key] += amount  # type: ignore[assignment]  # Counter's stubs know whole numbers only
    _start()


def _start() -> None:
    if _notes.writer is None:
        with _notes.lock:
            if _notes.writer is None:
                _notes.writer = threading.Thread(
                    target=_keep_writing, args=(_notes,), name="metrics", daemon=True
                )
                _notes.writer.start()


def _keep_writing(notes: Notes) -> None:
    while not notes.ended.wait(settings.METRICS_WRITE_SECONDS):
        write()


def write() -> None:
    """Write now. If Redis is away the sums wait for the next time.

    Had it taken them and could not say so, they count twice: these are figures for charts, not
    accounts.
    """
    with _notes.lock:
        totals, _notes.totals = _notes.totals, Counter()
        held = {ROLE: _notes.role, **{key: str(number) for key, number in _notes.open.items()}}
    try:
        _send(totals, held)
    except RedisError:
        log.warning("metrics_not_written", exc_info=True)
        with _notes.lock:
            _notes.totals.update(totals)


def _send(totals: Counter[str], held: dict[str, str]) -> None:
    pipe = redis.impatient(settings.REDIS_URL, WRITE_SECONDS_MAX).pipeline(transaction=True)
    for key, amount in totals.items():
        pipe.hincrbyfloat(TOTALS, key, amount)
    pipe.sadd(PROCESSES, _notes.id)
    pipe.hset(process_key(_notes.id), mapping=held)  # type: ignore[arg-type]  # str is fine
    pipe.pexpire(process_key(_notes.id), round(settings.METRICS_WRITE_SECONDS * 3000))
    pipe.execute()


def process_key(process: str) -> str:
    return f"{BASE}:process:{process}"


@atexit.register
def end() -> None:
    """The last sums, and this process is there no more. A Redis that went first is no news then."""
    if _notes.writer is None or _notes.ended.is_set():
        return
    _notes.ended.set()
    try:
        _send(_notes.totals, {ROLE: _notes.role})
        redis.impatient(settings.REDIS_URL, WRITE_SECONDS_MAX).delete(process_key(_notes.id))
    except RedisError:
        pass


def _begin_anew() -> None:
    """A child has its parent's sums, which the parent writes, and none of its threads."""
    _notes.begin(_notes.role)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
