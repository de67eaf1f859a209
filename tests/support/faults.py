"""What may befall a running system, each as one function."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import redis

from core import redis_log
from embedded.system import System, ask
from tests.support import databases
from tests.support.patient import until

PARTS = {"redis", "web", "jobs", "jobs-long", "sweep", "beat", "supervisord"}


def kill_part(system: System, name: str) -> int:
    """SIGKILL a part that supervisor starts again; returns the process id that it had."""
    pid = until(lambda: system.pids().get(name))
    os.kill(pid, signal.SIGKILL)
    return pid


def comes_back(system: System, name: str, old: int) -> int:
    """Wait until another process is there; returns its id."""
    return until(lambda: system.pids().get(name, old), lambda pid: pid != old)


def is_whole(system: System) -> bool:
    """Every part lives, web answers that it reaches the others, and all three Celery workers wait
    for jobs.
    """
    try:
        ready = ask(f"{system.url}/readyz").status_code == 200
        with redis.Redis.from_url(system.environment.get("BROKER_URL", system.redis_url)) as broker:
            waiting = sum(client["cmd"] == "brpop" for client in broker.client_list())
    except (httpx.TransportError, redis.RedisError):
        return False
    return ready and waiting >= 3 and set(system.pids()) == PARTS


def restart_redis_without_its_tail(system: System, bytes_lost: int) -> int:
    """Stop Redis, cut off the end of its append-only file, start it. Returns how many bytes it
    lost.

    Usually the cut is in the middle of a command or of a transaction; Redis leaves out what is not
    whole. It must live until the sweep has had it write its file anew (see `core.redis_log`).
    """
    system.stop_part("redis")
    lost = cut_tail(system, bytes_lost)
    system.start_part("redis")
    until(lambda: log_is_new(system))
    return lost


def log_is_new(system: System) -> bool:
    try:
        with redis.Redis.from_url(system.redis_url) as client:
            return redis_log.is_rewritten(client.info("persistence"))
    except redis.RedisError:
        return False


def log_of_writes(system: System) -> Path:
    """The newest incremental file of Redis's append-only log."""
    files = (system.home.redis / "appendonlydir").glob("*.incr.aof")
    return max(files, key=lambda file: int(file.name.split(".")[-3]))


def cut_tail(system: System, bytes_lost: int) -> int:
    """Shorten the log by at most so many bytes, while Redis is down; returns how many it lost."""
    file = log_of_writes(system)
    lost = min(bytes_lost, file.stat().st_size)
    os.truncate(file, file.stat().st_size - lost)
    return lost


def flush_redis(system: System) -> None:
    with redis.Redis.from_url(system.redis_url) as client:
        client.flushall()


@contextlib.contextmanager
def database_locked(system: System) -> Iterator[None]:
    """Nobody else can write (nor begin to) while this lasts."""
    with databases.locked(system.environment["DATABASE_URL"]):
        yield


def lock_database(system: System, seconds: float) -> None:
    with database_locked(system):
        time.sleep(seconds)


def kill_machine(system: System) -> None:
    """SIGKILL everything at once: the keeper first, so that it starts nothing again, then all it
    kept.
    """
    pids = system.pids()
    processes = [psutil.Process(pid) for pid in (pids.pop("supervisord"), *pids.values())]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)
