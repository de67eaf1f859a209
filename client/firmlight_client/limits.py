"""Limits of a process that runs kinds: processor time, files, priority, the life of its parent.

Windows has none of them but priority. `memory` has the limit of memory.
"""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import signal
import sys
from pathlib import Path

if sys.platform != "win32":
    import resource

FILE_MIB = 1024
OPEN_FILES = 256
CPU_SLACK_SECONDS = 10  # for what comes before and after the subtasks
PR_SET_PDEATHSIG = 1  # prctl(2)


def be_modest(nice: int) -> None:
    """Run at lower priority than what people run. On Windows the parent sets the priority."""
    if sys.platform != "win32":
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))


def limit_files() -> None:
    """No file larger than FILE_MIB, no more than OPEN_FILES open, no core dump."""
    if sys.platform != "win32":
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_FSIZE, FILE_MIB * 2**20)
        _lower(resource.RLIMIT_NOFILE, OPEN_FILES)


def limit_cpu(seconds: float, slack_seconds: float = CPU_SLACK_SECONDS) -> None:
    """Allow so much processor time from now on, for all threads together.

    Then SIGXCPU ends the process. The parent watches the clock; this limit holds even while the
    parent is stopped.
    """
    if sys.platform != "win32":
        usage = resource.getrusage(resource.RUSAGE_SELF)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = math.ceil(usage.ru_utime + usage.ru_stime + seconds + slack_seconds)
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _lower(what: int, most: int) -> None:
    """Set both limits, which no process can raise again, unless they are lower already."""
    if sys.platform != "win32":
        hard = resource.getrlimit(what)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(what, (most, most))


def die_with_parent() -> None:
    """Linux: end with the thread that started this process.

    It works even while foreign code holds the interpreter's lock.
    The kernel then sends SIGHUP, whose handler is the C function `alarm` itself: alarm(SIGHUP),
    SIGHUP being 1, ends the process one second later. Until then the reader thread may leave in
    good order.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        libc.signal(signal.SIGHUP, ctypes.cast(libc.alarm, ctypes.c_void_p))
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGHUP)


def clear(folder: Path) -> None:
    """Remove everything in the folder, however it was left."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink(missing_ok=True)
