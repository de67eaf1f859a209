"""A child process that runs kinds: what the worker's slots and the server's children share."""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import site
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

# Seen from its parent


def child_environment(scratch: Path, kept: Iterable[str]) -> dict[str, str]:
    """The variables of a child that works in the folder `scratch`.

    Of the parent's own variables, which may hold secrets, only those named in `kept`.
    """
    found = {name: os.environ[name] for name in kept if name in os.environ}
    found |= dict.fromkeys(("HOME", "TMPDIR"), str(scratch))
    if site.ENABLE_USER_SITE:
        found["PYTHONUSERBASE"] = site.getuserbase()  # which HOME would lead astray
    # A child is one core: libraries that start a thread for every core get in each other's way.
    found |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    found["PYTHONUTF8"] = "1"
    return found


def signal_name(number: int) -> str:
    """SIGSEGV for 11; "" for a number that is no signal here."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


# Seen from within


def take_pipes() -> tuple[BinaryIO, int]:
    """Our ends of the two pipes, where no print can reach them.

    From then on fd 0 reads nothing, and what is written to fd 1 is lost.
    """
    pipe, out = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return pipe, out


def mute() -> None:
    """Lose what kinds write to stderr; faults of the process still reach the parent's file."""
    faults = os.dup(2)
    faulthandler.enable(faults)
    os.dup2(0, 2)


def leave(folder: Path) -> None:
    """Remove the folder and end, with every process that a kind started.

    They are in our process group.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
