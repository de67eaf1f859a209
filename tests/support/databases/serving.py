"""What the servers have in common: a log, a wait until they answer, and an end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support import watched

START_SECONDS = 60.0


class NoServer(Exception):
    """The machine has no such database server; the message says what to install."""


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, answers: Callable[[], bool], signal: str, **options: Any
) -> Iterator[None]:
    """Start it, wait until it answers, end it by this signal. Raises RuntimeError with the log."""
    with log.open("wb") as written:
        process = watched.spawn(command, signal=signal, stdout=written, stderr=written, **options)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        watched.end(process)
