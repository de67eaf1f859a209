"""Find and end processes that a killed earlier run left behind."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from embedded.problem import Problem

# This variable is in the environment of every process that an embedded system starts; its value is
# the absolute path of the folder. So a process that has it is ours beyond doubt. A file of process
# ids could be out of date.
MARK = "FIRMLIGHT_EMBEDDED_VAR"
ORDERLY_SECONDS = 15.0
WEB_AND_JOBS_SECONDS = 3.0
KILL_SECONDS = 5.0


def find(root: Path) -> list[psutil.Process]:
    """The living processes of the system in `root`, without this process and its ancestors."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [p for p in psutil.process_iter() if p.pid not in own and _belongs(p, str(root))]


def end(root: Path) -> int:
    """End them all; return how many there were. Raises Problem if one survives SIGKILL.

    Supervisor ends first, since it would restart the others. Redis ends last, since the others need
    it until they end. No accepted work is lost if one of them is killed.
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
    """Wait for these processes to end, at most so long; return those that still live."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(_lives(process) for process in processes):
            return []
        time.sleep(0.02)
    return [process for process in processes if _lives(process)]


def _lives(process: psutil.Process) -> bool:
    """Whether it runs. A zombie has ended; its parent just has not collected it yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _belongs(process: psutil.Process, root: str) -> bool:
    try:
        return process.environ().get(MARK) == root and _lives(process)
    except (psutil.Error, OSError):  # it has ended, or belongs to another user
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
