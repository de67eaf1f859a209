"""A child process that runs kinds, seen from within: its pipes, its faults, and its end.

The worker's slots and the server's children are both of this sort.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import BinaryIO


def take_pipes() -> tuple[BinaryIO, int]:
    """Take the ends of our two pipes out of reach of kinds, and return them.

    Afterwards fd 0 reads nothing and what is written to fd 1 goes nowhere.
    """
    pipe, out = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return pipe, out


def mute() -> None:
    """Discard what kinds write to stderr.

    Faults of the process itself still reach the parent's file.
    """
    faults = os.dup(2)
    faulthandler.enable(faults)
    os.dup2(0, 2)


def leave(folder: Path) -> None:
    """Remove the folder and end, with every process that a kind started.

    Those are in our process group.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
