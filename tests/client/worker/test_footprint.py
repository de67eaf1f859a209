"""What a worker costs while it has nothing to do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import psutil

from firmlight_client import protocol
from tests.client.worker_peer import Peer, WorkerProcess

MIB = 2**20
HEAVY = {
    "ada_url",
    "numpy",
    "httpx",
    "rich",
    "flint",
    "gmpy2",
    "lxml",
    "openpyxl",
    "protego",
    "tomlkit",
}
LOOK_SECONDS = 8.0  # longer than from one look at the machine to the next


def test_an_idle_worker_is_hardly_there(
    peer: Peer, start_worker: Callable[..., WorkerProcess]
) -> None:
    """Under 0.5 % of a core and 60 MB, with heartbeats 25 times as often as usual."""
    worker = psutil.Process(start_worker().process.pid)
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    time.sleep(0.5)
    processes = [worker, *worker.children()]
    before = sum(sum(process.cpu_times()[:2]) for process in processes)
    time.sleep(LOOK_SECONDS)
    used = sum(sum(process.cpu_times()[:2]) for process in processes) - before
    assert used <= 0.005 * LOOK_SECONDS + 0.02  # the clock of processor time ticks in hundredths
    assert worker.memory_info().rss < 60 * MIB


def test_what_is_not_needed_is_not_loaded() -> None:
    assert not heavy_after("import firmlight_client.worker.shell")


def test_a_slot_loads_what_a_kind_computes_with_when_it_computes() -> None:
    idle = "from firmlight_client.worker.slot import child; child.kinds.installed()"
    assert not heavy_after(idle)
    assert heavy_after(f"{idle}; child.kinds.get('FACTORIZATION').run(['91', 'complete'])") == {
        "flint"
    }


def heavy_after(code: str) -> set[str]:
    look = f"{code}; import sys; print(*{HEAVY} & {{*sys.modules}})"
    return {
        *subprocess.run(
            [sys.executable, "-c", look], capture_output=True, text=True, check=True
        ).stdout.split()
    }
