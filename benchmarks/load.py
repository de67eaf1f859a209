"""`make bench-load`: one web process with thousands of workers on it, and what it costs; writes the
page.
"""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.lab import Lab, lab
from benchmarks.measure import cpu, quantile
from benchmarks.swarm import Swarm

IDLE, ACTIVE, SUBTASKS = 5000, 200, 100_000
WATCH_SECONDS = 20.0
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "benchmarks-load.md"
PREFACE = f"""# Thousands of workers on one web process

Written by `make bench-load`: {IDLE:,} workers of one slot connect to one web process of the embedded system (SQLite,
Redis with `appendfsync always`); {ACTIVE} of them ask for work, the others beat every 5 s. Real sockets on loopback.
The swarm speaks the protocol and computes nothing; it runs on the same cores as the server, which are the limit here.
"""
UNLIMITED = {  # all come with one token
    "WORKER_CONNECTS_PER_MINUTE_MAX": "1000000",
    "WORKER_SOCKETS_PER_USER_MAX": "1000000",
    "WORKERS_PER_USER_MAX": "1000000",
}


@dataclass
class Load:
    """A running system with the swarm that is at it."""

    lab: Lab
    swarm: Swarm

    @property
    def web(self) -> psutil.Process:
        return psutil.Process(self.lab.system.pids()["web"])

    async def arrival(self) -> list[tuple[str, str]]:
        await self.swarm.grow(10)
        before = self.web.memory_info().rss
        seconds = await self.swarm.grow(IDLE)
        each = (self.web.memory_info().rss - before) / (IDLE - 10) / 1024
        return [
            (f"{IDLE:,} workers arrive, 100 at a time", f"{seconds:.1f} s"),
            ("memory of web for each connection", f"{each:.0f} KiB"),
        ]

    async def rest(self) -> list[tuple[str, str]]:
        """All are idle but for their heartbeats."""
        await asyncio.sleep(5)
        processes = {name: psutil.Process(pid) for name, pid in self.lab.system.pids().items()}
        before = {name: cpu(process) for name, process in processes.items()}
        await asyncio.sleep(WATCH_SECONDS)
        spent = {
            name: (cpu(process) - before[name]) / WATCH_SECONDS
            for name, process in processes.items()
        }
        return [
            (f"{name} while they are idle", f"{spent[name]:.1%} of a core")
            for name in ("web", "redis")
        ]

    async def work(self) -> list[tuple[str, str]]:
        """A task for those that are active; the others only beat."""
        for worker in self.swarm.workers[:ACTIVE]:
            worker.works.set()
        await asyncio.sleep(2)
        self.swarm.waits.clear()
        self.swarm.results.clear()
        began = self.swarm.since = time.monotonic()
        result = await asyncio.to_thread(self.run_task)
        seconds = time.monotonic() - began
        if result["values"] != list(range(SUBTASKS)):
            raise AssertionError("something was lost")
        waits = self.swarm.waits
        return [
            (
                f"{SUBTASKS:,} ECHO over {ACTIVE} active workers",
                f"{seconds:.2f} s, {SUBTASKS / seconds:,.0f}/s",
            ),
            (f"from asking to a lease, {len(waits):,} leases", _spread(waits)),
            ("from a result to its answer", _spread(self.swarm.results)),
        ]

    def run_task(self) -> Any:
        task = self.lab.client.submit("ECHO", group=self.lab.group, count=SUBTASKS, collect=True)
        return task.result(timeout=300)

    async def storm(self) -> list[tuple[str, str]]:
        """web is killed; all come back at once to the one that follows it."""
        self.swarm.closes.clear()
        began = time.monotonic()
        os.kill(self.lab.system.pids()["web"], signal.SIGKILL)
        await self.swarm.until(lambda: len(self.swarm.here) < IDLE // 2)
        await self.swarm.until(lambda: len(self.swarm.here) == IDLE)
        return [(f"web is killed, and all {IDLE:,} are back", f"{time.monotonic() - began:.1f} s")]

    def dropped(self) -> str:
        return (
            ", ".join(f"{count} with {code}" for code, count in Counter(self.swarm.closes).items())
            or "none"
        )


def _spread(values: list[float]) -> str:
    return f"{quantile(values, 0.5) * 1e3:.0f} ms median, {quantile(values, 0.99) * 1e3:.0f} ms p99"


async def measured(running: Lab) -> list[tuple[str, str]]:
    load = Load(running, Swarm(running.system.url, running.worker_token("swarm")))
    try:
        rows = await load.arrival() + await load.rest() + await load.work()
        rows += [("connections that ended until then", load.dropped())]
        return rows + await load.storm() + await load.work()
    finally:
        await load.swarm.leave()


def main() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (most, most)
    )  # web inherits it: one descriptor for each end
    with lab(**UNLIMITED) as running:
        rows = asyncio.run(measured(running))
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}"
    lines = [
        f"| {what} | {figure} |" for what, figure in [("What", "Figure"), ("---", "---"), *rows]
    ]
    made = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {machine}."
    PAGE.write_text("\n".join([PREFACE, made, "", *lines, ""]))
    sys.stdout.write(PAGE.read_text())


if __name__ == "__main__":
    main()
