"""The machine that a benchmark ran on."""

from __future__ import annotations

import platform

import psutil


def cores_and_memory() -> str:
    """ "2 cores, 8 GiB, Linux"."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"
