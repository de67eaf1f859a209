"""Servers that end with the process that started them, even if it is killed: its end of the shell's
input closes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

WATCHED = '"$@" </dev/null & server=$!; read _; kill -{signal} $server; wait $server'


def spawn(
    command: Sequence[str], *, signal: str = "KILL", **options: Any
) -> subprocess.Popen[bytes]:
    """Start it; `end` ends it, by this signal. `options` as for Popen."""
    shell = ["sh", "-c", WATCHED.format(signal=signal), "sh", *command]
    return subprocess.Popen(shell, stdin=subprocess.PIPE, **options)


def end(process: subprocess.Popen[bytes]) -> None:
    """Close its input, and wait."""
    process.communicate()
