"""Count and write. A call takes about a microsecond, is thread-safe and never raises."""

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
BETWEEN = "|"  # separates the name, the labels and the bucket in a field of the hash
log = structlog.get_logger(__name__)


class Unwritten:
    """What this process has counted and not written yet, and what it has open."""

    def __init__(self, role: str) -> None:
        self.start_over(role)

    def start_over(self, role: str) -> None:
        """As a new process: with an id of its own, nothing counted, and no thread that writes."""
        self.id, self.role = uuid4().hex, role
        self.totals: Counter[str] = Counter()  # its values may be floats
        self.open: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.writer: threading.Thread | None = None


_unwritten = Unwritten("other")


def count(name: str, amount: float = 1, *labels: str) -> None:
    if amount:
        _add({field(name, *labels): amount})


def observe(name: str, seconds: float, *labels: str) -> None:
    """Count in the histogram `name`: in the first bucket whose bound is not below, and the sum."""
    bounds = HISTOGRAMS[name].buckets
    place = bisect_left(bounds, seconds)
    bound = f"{bounds[place]:g}" if place < len(bounds) else "+Inf"
    _add({field(name, *labels, f"le={bound}"): 1, field(name, *labels, "sum"): seconds})


def now_open(name: str, change: int, *labels: str) -> None:
    """`change` more (or, if negative, fewer) are open in this process now."""
    with _unwritten.lock:
        _unwritten.open[field(name, *labels)] += change
    _start()


def run_as(role: str) -> None:
    """Say what this process is: web, jobs, sweep or beat. It counts as alive until it ends."""
    _unwritten.role = role
    _start()


def field(name: str, *labels: str) -> str:
    return BETWEEN.join((name, *labels))


def _add(amounts: dict[str, float]) -> None:
    with _unwritten.lock:
        for key, amount in amounts.items():
            _unwritten.totals[key] += amount  # type: ignore[assignment]  # typed as integers
    _start()


def _start() -> None:
    """Start the thread that writes, unless it runs already."""
    if _unwritten.writer is not None:
        return
    with _unwritten.lock:
        if _unwritten.writer is None:  # still, now that no other thread can start it
            _unwritten.writer = threading.Thread(
                target=_keep_writing, args=(_unwritten,), name="metrics", daemon=True
            )
            _unwritten.writer.start()


def _keep_writing(unwritten: Unwritten) -> None:
    while not unwritten.ended.wait(settings.METRICS_WRITE_SECONDS):
        write()


def write() -> None:
    """Write now; if Redis does not answer, the counts wait for the next time.

    If Redis took them and only its answer was lost, they count twice. That is good enough for
    charts.
    """
    with _unwritten.lock:
        totals, _unwritten.totals = _unwritten.totals, Counter()
        held = {
            ROLE: _unwritten.role,
            **{key: str(number) for key, number in _unwritten.open.items()},
        }
    try:
        _send(totals, held)
    except RedisError:
        log.warning("metrics_not_written", exc_info=True)
        with _unwritten.lock:
            _unwritten.totals.update(totals)


def _send(totals: Counter[str], held: dict[str, str]) -> None:
    pipe = redis.impatient(settings.REDIS_URL, WRITE_SECONDS_MAX).pipeline(transaction=True)
    for key, amount in totals.items():
        pipe.hincrbyfloat(TOTALS, key, amount)
    pipe.sadd(PROCESSES, _unwritten.id)
    pipe.hset(process_key(_unwritten.id), mapping=held)  # type: ignore[arg-type]  # str is fine
    pipe.pexpire(process_key(_unwritten.id), round(settings.METRICS_WRITE_SECONDS * 3000))
    pipe.execute()


def process_key(process: str) -> str:
    return f"{BASE}:process:{process}"


@atexit.register
def end() -> None:
    """Write the last counts, and count this process as ended. Ignores a Redis that is gone."""
    if _unwritten.writer is None or _unwritten.ended.is_set():
        return
    _unwritten.ended.set()
    try:
        _send(_unwritten.totals, {ROLE: _unwritten.role})
        redis.impatient(settings.REDIS_URL, WRITE_SECONDS_MAX).delete(process_key(_unwritten.id))
    except RedisError:
        pass


def _start_over_in_child() -> None:
    """After a fork: the parent writes its own counts, and its threads do not exist in the child."""
    _unwritten.start_over(_unwritten.role)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over_in_child)
