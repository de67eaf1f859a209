"""What the machine does besides: load of other programs, battery, whether somebody uses it.

psutil asks the system for what it can.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from firmlight_client.worker.load_policy import MachineState

TERMINALS = ("/dev/pts", "/dev")
TERMINAL = re.compile(r"\d+|tty[1-9]\d?")
ASK_SECONDS_MAX = 5


class Usage(NamedTuple):
    """Processor seconds at normal priority since the start of the system, at moment `at`."""

    at: float  # of time.monotonic
    all: float
    own: float  # of the worker and its slots, in `all` too


class MachineMonitor:
    """Compares each look with the last one. `processes` are the ids of the slots' processes."""

    def __init__(self, *, mind_idle: bool) -> None:
        self.mind_idle = mind_idle  # whether to find out how long nobody has used the machine
        self.cores = psutil.cpu_count() or 1
        self.own: dict[int, psutil.Process] = {}
        self.last = self._usage(())

    def look(self, processes: Iterable[int]) -> MachineState:
        usage, last = self._usage(processes), self.last
        self.last = usage
        others = (usage.all - last.all) - max(0.0, usage.own - last.own)
        others_cores = others / max(0.001, usage.at - last.at)
        return MachineState(
            now=usage.at,
            clock=datetime.now().astimezone(),
            cores=self.cores,
            others_cores=min(max(0.0, others_cores), float(self.cores)),
            on_battery=on_battery(),
            idle_seconds=idle_seconds() if self.mind_idle else None,
        )

    def _usage(self, processes: Iterable[int]) -> Usage:
        at = time.monotonic()
        times = psutil.cpu_times()
        used = sum(getattr(times, name, 0.0) for name in ("user", "system", "irq", "softirq"))
        worker = os.times()
        self._follow(processes)
        slots = sum(_normal_seconds(process) for process in self.own.values())
        return Usage(at, used, worker.user + worker.system + slots)

    def _follow(self, processes: Iterable[int]) -> None:
        """Note which processes are the slots'.

        What a slot that is gone computed is missing from then on: once, in the next look, it counts
        as the load of others.
        """
        current = set(processes)
        for pid in self.own.keys() - current:
            del self.own[pid]
        for pid in current - self.own.keys():
            with contextlib.suppress(psutil.Error):
                self.own[pid] = psutil.Process(pid)


def _normal_seconds(process: psutil.Process) -> float:
    """What a slot took of the seconds that are counted.

    Systems that count niced programs apart do not count their time as user time.
    """
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        is_niced = hasattr(psutil.cpu_times(), "nice") and process.nice() > 0
        if is_niced:
            return times.system
        return times.system + times.user
    return 0.0


def on_battery() -> bool | None:
    """None without a battery, or if the system does not say."""
    if not hasattr(psutil, "sensors_battery"):
        return None
    with contextlib.suppress(Exception):  # odd hardware: psutil raises whatever it met
        battery = psutil.sensors_battery()
        if battery is not None and battery.power_plugged is not None:
            return not battery.power_plugged
    return None


def idle_seconds() -> float | None:
    """Since when keyboard, mouse and terminals are untouched; None if the system does not say."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "linux":
            return _idle_on_linux()
        if sys.platform == "darwin":
            return _idle_on_macos()
        if sys.platform == "win32":
            return _idle_on_windows()
    return None


def _idle_on_linux() -> float | None:
    """The smaller of what the desktop says (logind's idle hint) and what terminals show."""
    known = [seconds for seconds in (_idle_terminals(), _idle_seat()) if seconds is not None]
    return min(known, default=None)


def _idle_terminals() -> float | None:
    """Since when nobody has typed into a terminal."""
    terminals = [
        path
        for folder in TERMINALS
        for path in Path(folder).iterdir()
        if TERMINAL.fullmatch(path.name) and path.is_char_device()
    ]
    if not terminals:
        return None
    last = max(path.stat().st_atime for path in terminals)
    return max(0.0, time.time() - last)


def _idle_seat() -> float | None:
    said = _ask("loginctl", "show-seat", "seat0", "-p", "IdleHint", "-p", "IdleSinceHintMonotonic")
    facts = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if facts.get("IdleHint") == "no":
        return 0.0
    since = int(facts.get("IdleSinceHintMonotonic") or 0)
    return time.monotonic() - since / 1e6 if since else None


def _idle_on_macos() -> float | None:
    found = re.search(r'"HIDIdleTime" = (\d+)', _ask("ioreg", "-c", "IOHIDSystem", "-d", "4"))
    return int(found[1]) / 1e9 if found else None


def _idle_on_windows() -> float | None:
    class LastInput(ctypes.Structure):
        _fields_ = [("size", ctypes.c_uint), ("ticks", ctypes.c_uint)]

    last = LastInput(ctypes.sizeof(LastInput), 0)
    windows: Any = ctypes.windll  # type: ignore[attr-defined,unused-ignore]
    windows.user32.GetLastInputInfo(ctypes.byref(last))
    return ((windows.kernel32.GetTickCount() - last.ticks) & 0xFFFF_FFFF) / 1000


def _ask(*command: str) -> str:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=ASK_SECONDS_MAX, check=False
        ).stdout
    except FileNotFoundError:
        return ""
