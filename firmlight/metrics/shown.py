"""Show metrics: the sums in Redis and the present state, as families of prometheus-client.

A scrape makes three bounded queries to the database and six round trips to Redis, however many
tasks have ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils import timezone
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from core import beat, redis
from core.metrics.families import COUNTERS, GAUGES, HISTOGRAMS, OF_PROCESSES, Family
from core.metrics.recording import BETWEEN, PROCESSES, ROLE, TOTALS, process_key
from tasks.queue import depth
from tasks.selectors import statistics

Samples = dict[tuple[str, ...], float]
PREFIX = "firmlight_"
QUEUES = ("short", "long", "bulk", "sweep")


class Shown(Collector):
    def collect(self) -> Iterator[Metric]:
        totals, processes = _totals(), _processes()
        yield from (_counter(name, totals.get(name, {})) for name in COUNTERS)
        yield from (_histogram(name, totals.get(name, {})) for name in HISTOGRAMS)
        yield from (
            _gauge(name, family, _open(name, processes)) for name, family in OF_PROCESSES.items()
        )
        state = {**_state(), "processes": _roles(processes)}
        yield from (_gauge(name, GAUGES[name], samples) for name, samples in state.items())


def _totals() -> dict[str, Samples]:
    """{name: {labels: sum}}; of a histogram the last label is a bucket or "sum"."""
    found: dict[str, Samples] = {}
    raw: dict[bytes, bytes] = redis.connect().hgetall(TOTALS)  # type: ignore[assignment]
    for key, amount in raw.items():
        name, *rest = key.decode().split(BETWEEN)
        found.setdefault(name, {})[tuple(rest)] = float(amount)
    return found


def _processes() -> list[dict[str, str]]:
    """What each living process has open; the records of killed ones expire, and are removed."""
    client = redis.connect()
    ids: list[Any] = sorted(client.smembers(PROCESSES))
    pipe = client.pipeline(transaction=False)
    for one in ids:
        pipe.hgetall(process_key(one.decode()))
    rows = pipe.execute() if ids else []
    if gone := [one for one, row in zip(ids, rows, strict=True) if not row]:
        client.srem(PROCESSES, *gone)
    return [{name.decode(): value.decode() for name, value in row.items()} for row in rows if row]


def _open(name: str, processes: list[dict[str, str]]) -> Samples:
    found: Samples = {}
    for row in processes:
        for key, number in row.items():
            head, *labels = key.split(BETWEEN)
            if head == name:
                found[tuple(labels)] = found.get(tuple(labels), 0) + float(number)
    return found


def _roles(processes: list[dict[str, str]]) -> Samples:
    found: Samples = {}
    for row in processes:
        found[(row[ROLE],)] = found.get((row[ROLE],), 0) + 1
    return found


def _state() -> dict[str, Samples]:
    """The present state, from the database and the queue."""
    live, under_way, left_out = statistics.tasks_now(settings.METRICS_TASKS_MAX)
    waiting, leased = depth.waiting_and_leased(under_way)
    workers, slots = statistics.capacity(timezone.now())
    age = beat.tick_age_seconds()
    return {
        "tasks": {(status,): count for status, count in live.items()},
        "tasks_left_out": {(): left_out},
        "subtasks": {("waiting",): waiting, ("leased",): leased},
        "leases_open": {(): depth.leases_open()},
        "workers": {(): workers},
        "worker_slots": {(): slots},
        "jobs_waiting": {(name,): count for name, count in _jobs_waiting().items()},
        "beat_age_seconds": {} if age is None else {(): age},
        "build_info": {(settings.SERVER_VERSION,): 1},
    }


def _jobs_waiting() -> dict[str, int]:
    """The length of each of Celery's queues: a list with its name in the broker."""
    if not settings.BROKER_URL.startswith(("redis://", "rediss://")):
        return {}
    pipe = redis.impatient(settings.BROKER_URL, settings.PROBE_SECONDS_MAX).pipeline(
        transaction=False
    )
    for name in QUEUES:
        pipe.llen(name)
    return dict(zip(QUEUES, pipe.execute(), strict=True))


def _counter(name: str, samples: Samples) -> Metric:
    family = CounterMetricFamily(PREFIX + name, COUNTERS[name].says, labels=COUNTERS[name].labels)
    return _filled(family, COUNTERS[name], samples)


def _gauge(name: str, says: Family, samples: Samples) -> Metric:
    return _filled(GaugeMetricFamily(PREFIX + name, says.says, labels=says.labels), says, samples)


def _filled(family: Any, says: Family, samples: Samples) -> Metric:
    """The family with its samples.

    A counter without labels starts with 0 before anything was counted: a rate needs a first value.
    """
    if not says.labels and family.type == "counter":
        samples = {(): 0.0, **samples}
    for labels, value in sorted(samples.items()):
        family.add_metric(labels, value)
    return family


def _histogram(name: str, samples: Samples) -> Metric:
    """A histogram. Prometheus' buckets count all up to their bound; ours do not overlap."""
    says = HISTOGRAMS[name]
    family = HistogramMetricFamily(PREFIX + name, says.says, labels=says.labels)
    bounds = [f"{bound:g}" for bound in says.buckets] + ["+Inf"]
    found = {key[:-1] for key in samples}  # without the bucket
    if not found and not says.labels:
        found = {()}  # nothing was counted yet: show zeros
    for labels in sorted(found):
        below, buckets = 0.0, []
        for bound in bounds:
            below += samples.get((*labels, f"le={bound}"), 0.0)
            buckets.append((bound, below))
        family.add_metric(labels, buckets, samples.get((*labels, "sum"), 0.0))
    return family
