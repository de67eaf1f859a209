"""What is measured, each as a function that returns plain figures."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from benchmarks import celery_peer
from benchmarks.hand import HandWorker
from benchmarks.lab import Lab, WorkerProcess
from firmlight_client.sdk.client import Task
from firmlight_client.sdk.executor import FirmlightExecutor
from tests.support import faults
from tests.support.patient import until

ROUNDS = 5


def seconds_of(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def echo(lab: Lab, count: int) -> None:
    """`count` subtasks through the whole system; every single value comes back, in order."""
    task = lab.client.submit("ECHO", group=lab.group, count=count, collect=True)
    result = task.result(timeout=300)
    if result["values"] != list(range(count)):
        raise AssertionError("the values are not those that were asked for")


def peer(way: Callable[[int], int], count: int) -> None:
    if way(count) != count * (count - 1) // 2:
        raise AssertionError("the peer's values are not those that were asked for")


def throughput(lab: Lab, count: int = 10_000, large: int = 100_000) -> dict[str, list[float]]:
    """Subtasks per second, ours and the peers in turn, ROUNDS times each."""
    ways: dict[str, tuple[int, Callable[[], None]]] = {
        f"Firmlight, {count:,} ECHO": (count, lambda: echo(lab, count)),
        f"Celery group, {count:,} no-ops": (count, lambda: peer(celery_peer.by_group, count)),
        f"Celery delay loop, {count:,} no-ops": (count, lambda: peer(celery_peer.by_delay, count)),
        f"Firmlight, {large:,} ECHO": (large, lambda: echo(lab, large)),
    }
    with celery_peer.two_workers(lab.system.redis_url + "/5"):
        echo(lab, count)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, (subtasks, run) in ways.items():
                rates[name].append(subtasks / seconds_of(run))
    return rates


def latency(lab: Lab, tasks: int = 200) -> list[float]:
    """Seconds from submit to result for one ECHO at a time on an idle system."""
    for _ in range(10):
        echo(lab, 1)
    return [seconds_of(lambda: echo(lab, 1)) for _ in range(tasks)]


def startup(lab: Lab, part: str, rounds: int = 3) -> list[float]:
    """Seconds from the start of one part of a running system until all of it is ready again."""
    found = []
    for _ in range(rounds):
        lab.system.stop_part(part)
        began = time.monotonic()
        lab.system.start_part(part)
        until(lambda: faults.is_whole(lab.system))
        found.append(time.monotonic() - began)
    return found


def sdk_overhead(lab: Lab, calls: int = 100) -> list[float]:
    """Core-seconds of this process that one call of FirmlightExecutor costs, results checked. Each
    call is a task of its own, a hundred of them under way at a time.
    """
    own = psutil.Process()
    found = []
    with FirmlightExecutor(lab.group, lab.client) as pool:
        for _ in range(ROUNDS):
            before = cpu(own)
            results = list(pool.map("ECHO", [1] * calls, timeout=300))
            found.append((cpu(own) - before) / calls)
            assert all(row["count"] == 1 for row in results)
    return found


def packed_calls(lab: Lab, calls: int = 1000) -> list[float]:
    """Seconds from the first of so many calls of FACTORIZATION to the last result; they travel
    packed.
    """
    numbers = range(10**15, 10**15 + calls)

    def run() -> None:
        with FirmlightExecutor(lab.group, lab.client) as pool:
            assert len(list(pool.map("FACTORIZATION", numbers, timeout=300))) == calls

    return [seconds_of(run) for _ in range(ROUNDS)]


def mean_of_ten_million(lab: Lab, rounds: int = 3) -> list[float]:
    """Seconds for an 80 MB NPY file: upload, split, compute, result."""
    import numpy as np

    numbers = np.random.default_rng(7).normal(1e6, 3.0, 10_000_000)

    def run() -> None:
        result = lab.client.submit("MEAN", group=lab.group, numbers=numbers).result(timeout=120)
        assert result["count"] == len(numbers)

    return [seconds_of(run) for _ in range(rounds)]


def failover(lab: Lab, rounds: int = 15) -> list[float]:
    """Seconds from SIGKILL of the worker that holds the work to its start on the other, idle
    worker.
    """
    delays = []
    for _ in range(rounds):
        workers = [worker for worker in lab.workers if worker.process.poll() is None]
        while len(workers) < 2:
            workers.append(lab.start_worker())
        delays.append(_kill_holder(lab, workers))
    return delays


def _kill_holder(lab: Lab, workers: list[WorkerProcess]) -> float:
    task, holder, other = _hold_one(lab, workers)
    killed = time.monotonic()
    holder.kill()
    started, _ = other.wait_for("leased")
    assert task.result(timeout=60)["count"] == 1
    return started - killed


def _hold_one(lab: Lab, workers: list[WorkerProcess]) -> tuple[Task, WorkerProcess, WorkerProcess]:
    """A task of one subtask, the worker that computes it, and the other one, which is idle."""
    for worker in workers:
        worker.forget()
    task = lab.client.submit("ECHO", group=lab.group, count=1, seconds=1.0)
    holder = _who_starts(workers, task.id)
    time.sleep(0.2)  # the other one is idle and has said so
    (other,) = (worker for worker in workers if worker is not holder)
    return task, holder, other


def frozen(lab: Lab, lease_seconds: float, rounds: int = 5) -> list[float]:
    """Seconds beyond the lease from SIGSTOP of the worker that holds the work to its start on the
    other one.
    """
    delays = []
    for _ in range(rounds):
        task, holder, other = _hold_one(lab, lab.workers)
        stopped = time.monotonic()
        holder.process.send_signal(signal.SIGSTOP)
        started, _ = other.wait_for("leased")
        delays.append(started - stopped - lease_seconds)
        holder.process.send_signal(signal.SIGCONT)
        assert task.result(timeout=60)["count"] == 1
    return delays


def cancelled(lab: Lab, rounds: int = 10) -> list[float]:
    """Seconds from the call that cancels a subtask that never yields to the start of the next one
    on its slot.
    """
    (worker,) = lab.workers
    delays = []
    for _ in range(rounds):
        long = lab.client.submit("ECHO", group=lab.group, count=1, seconds=600)
        worker.wait_for("leased")
        following = lab.client.submit("ECHO", group=lab.group, count=1)
        began = time.monotonic()
        long.cancel()
        started, _ = worker.wait_for("leased")
        delays.append(started - began)
        following.result(timeout=60)
    return delays


def tail(lab: Lab, subtasks: int = 200, fast: float = 0.01, slow: float = 0.1) -> list[float]:
    """How many times the ideal a task takes on a fast worker and one ten times slower, submit to
    result.
    """
    ideal = subtasks / (1 / fast + 1 / slow)
    hands = [
        HandWorker(lab.system.url, lab.worker_token(name), name, each)
        for name, each in (("f", fast), ("s", slow))
    ]
    try:
        echo(lab, 1)  # the jobs' first task after their start takes a fifth of a second longer
        return [seconds_of(lambda: echo(lab, subtasks)) / ideal for _ in range(ROUNDS)]
    finally:
        for hand in hands:
            hand.close()


def sweep(lab: Lab) -> list[float]:
    """Seconds to requeue 100,000 leased subtasks."""
    command = [sys.executable, "-m", "benchmarks.sweep"]
    done = subprocess.run(
        command, env=lab.system.environment, capture_output=True, text=True, check=True
    )
    return [float(line) for line in done.stdout.split()]


def _who_starts(workers: list[WorkerProcess], task: str) -> WorkerProcess:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for worker in workers:
            while not worker.lines.empty():
                _, event = worker.lines.get_nowait()
                if event.get("event") == "leased" and event.get("task") == task:
                    return worker
        time.sleep(0.002)
    raise TimeoutError("nobody takes the task")


def idle(lab: Lab, seconds: float = 20.0) -> dict[str, tuple[float, float]]:
    """{process: (per cent of a core, MiB resident)} over quiet seconds, with its children."""
    roots = {name: psutil.Process(pid) for name, pid in lab.system.pids().items()}
    living = [worker.process.pid for worker in lab.workers if worker.process.poll() is None]
    roots |= {
        f"worker {number} with its slot": psutil.Process(pid)
        for number, pid in enumerate(living, 1)
    }
    families = {
        name: [root, *(root.children(recursive=True) if name != "supervisord" else [])]
        for name, root in roots.items()
    }
    before = {process: cpu(process) for family in families.values() for process in family}
    time.sleep(seconds)
    found = {}
    for name, family in families.items():
        there = [
            process for process in family if process.is_running()
        ]  # Redis may have ended writing its file anew
        used = sum(cpu(process) - before[process] for process in there)
        found[name] = (
            100 * used / seconds,
            sum(process.memory_info().rss for process in there) / 2**20,
        )
    return found


def cpu(process: psutil.Process) -> float:
    """Seconds of processor that it has taken."""
    return sum(process.cpu_times()[:2])


def quantile(values: list[float], share: float) -> float:
    """The value that `share` (0..1) of the values do not exceed."""
    row = sorted(values)
    return row[min(int(share * len(row)), len(row) - 1)]


median = statistics.median
