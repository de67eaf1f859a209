"""Processes that an earlier run left behind, because it was killed."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from embedded.problem import Problem

# In the environment of everything that an embedded system starts, its value the absolute folder: a
# process that carries it is ours beyond doubt, whatever its id, and no file of ids can be stale.
MARK = "FIRMLIGHT_EMBEDDED_VAR"
ORDERLY_SECONDS = 15.0
WEB_AND_JOBS_SECONDS = 3.0
KILL_SECONDS = 5.0


def find(root: Path) -> list[psutil.Process]:
    """Every living process of the system in `root`, but the one that asks and its ancestors."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [p for p in psutil.process_iter() if p.pid not in own and _belongs(p, str(root))]


def end(root: Path) -> int:
    """End them all; return how many there were. Raises Problem if one survives even SIGKILL.

    Supervisor goes first, and in good order: it would only start again what we end. Redis goes
    last, because the others try to reach it until their end. None of them loses accepted work when
    it is killed.
    """
    found = find(root)
    _terminate([p for p in found if _runs(p, "keeper.py")], ORDERLY_SECONDS)
    _terminate([p for p in find(root) if not _runs(p, "redis.conf")], WEB_AND_JOBS_SECONDS)
    _terminate(find(root), ORDERLY_SECONDS)
    left = find(root)
    if left:
        raise Problem(f"process {left[0].pid} of an earlier run on {root} cannot be ended")
    return len(found)


def _terminate(processes: list[psutil.Process], seconds: float) -> None:
    """SIGTERM, and after `seconds` SIGKILL."""
    for process in processes:
        _quietly(process.terminate)
    for process in _wait(processes, seconds):
        _quietly(process.kill)
    _wait(processes, KILL_SECONDS)


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still live after so long. A zombie is as good as gone: its new parent may collect
    it late.
    """
    deadline = time.monotonic() + seconds
    while (alive := [p for p in processes if _lives(p)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _belongs(process: psutil.Process, root: str) -> bool:
    try:
        return process.environ().get(MARK) == root and _lives(process)
    except (psutil.Error, OSError):  # gone meanwhile, or another user's
        return False


def _runs(process: psutil.Process, file: str) -> bool:
    """Whether its command line names a file of this name."""
    try:
        return any(Path(part).name == file for part in process.cmdline())
    except psutil.Error:
        return False


def _quietly(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        action()
