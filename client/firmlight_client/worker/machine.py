"""What the machine is doing besides: load of others, battery, whether somebody uses it. psutil asks
the system.
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
from typing import Any

import psutil

from firmlight_client.worker.load_policy import Surroundings

TERMINALS = ("/dev/pts", "/dev")
TERMINAL = re.compile(r"\d+|tty[1-9]\d?")
ASK_SECONDS_MAX = 5


class Lookout:
    """Compares with what it saw the last time. `processes`: the ids of the slots'."""

    def __init__(self, *, mind_idle: bool) -> None:
        self.mind_idle = mind_idle
        self.cores = psutil.cpu_count() or 1
        self.own: dict[int, psutil.Process] = {}
        self.before = time.monotonic(), *self._used(())

    def look(self, processes: Iterable[int]) -> Surroundings:
        now, clock = time.monotonic(), datetime.now().astimezone()
        used, own = self._used(processes)
        then, used_then, own_then = self.before
        self.before = now, used, own
        others = (used - used_then) - max(0.0, own - own_then)
        share = others / max(0.001, now - then)
        idle = idle_seconds() if self.mind_idle else None
        return Surroundings(
            now, clock, self.cores, min(max(0.0, share), float(self.cores)), on_battery(), idle
        )

    def _used(self, processes: Iterable[int]) -> tuple[float, float]:
        """Seconds that all processors have computed for anybody of normal priority, and for us in
        that.
        """
        times = psutil.cpu_times()
        used = sum(getattr(times, name, 0.0) for name in ("user", "system", "irq", "softirq"))
        mine = os.times()
        self._note(processes)
        own = mine.user + mine.system + sum(map(_normal_seconds, self.own.values()))
        return used, own

    def _note(self, processes: Iterable[int]) -> None:
        """Those that are gone took their time with them: it counts as others', once, in the next
        look.
        """
        current = set(processes)
        for pid in self.own.keys() - current:
            del self.own[pid]
        for pid in current - self.own.keys():
            with contextlib.suppress(psutil.Error):
                self.own[pid] = psutil.Process(pid)


def _normal_seconds(process: psutil.Process) -> float:
    """What a slot took of the seconds that are counted: where niceness is known, its own are no
    one's user time.
    """
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        niced = hasattr(psutil.cpu_times(), "nice") and process.nice() > 0
        return times.system + (0.0 if niced else times.user)
    return 0.0


def on_battery() -> bool | None:
    """None without a battery, or if nobody can tell."""
    with contextlib.suppress(Exception):  # odd hardware: psutil raises whatever it met
        battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
        return (
            None if battery is None or battery.power_plugged is None else not battery.power_plugged
        )
    return None


def idle_seconds() -> float | None:
    """How long nobody has touched keyboard, mouse or a terminal."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "linux":
            return _idle_on_linux()
        if sys.platform == "darwin":
            return _idle_on_macos()
        if sys.platform == "win32":
            return _idle_on_windows()
    return None


def _idle_on_linux() -> float | None:
    """The desktop's own word (logind's idle hint), and when a terminal was last typed into."""
    known = [seconds for seconds in (_idle_terminals(), _idle_seat()) if seconds is not None]
    return min(known, default=None)


def _idle_terminals() -> float | None:
    terminals = [
        path
        for folder in TERMINALS
        for path in Path(folder).iterdir()
        if TERMINAL.fullmatch(path.name) and path.is_char_device()
    ]
    last = max((path.stat().st_atime for path in terminals), default=None)
    return None if last is None else max(0.0, time.time() - last)


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
