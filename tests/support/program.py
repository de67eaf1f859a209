"""Programs whose words a test reads while they run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def start(
    command: Sequence[str | Path],
    home: Path,
    *,
    cwd: Path | None = None,
    without: tuple[str, ...] = ("FIRMLIGHT_",),
) -> subprocess.Popen[str]:
    """`firmlight …` at home in this folder; variables whose names begin with one of `without` are
    not handed on.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(without)}
    environment: Mapping[str, str] = {**clean, "FIRMLIGHT_HOME": str(home)}
    return subprocess.Popen(
        list(command),
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=20)


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """What it says up to the line with this word. It fails if the program ends before."""
    said = ""
    assert process.stdout
    while word not in said:
        line = process.stdout.readline()
        assert line, f"it ended: {said}"
        said += line
    return said
