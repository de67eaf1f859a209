"""A real `firmlight work` process, its printed events, and what may befall it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Event:
    """A line that a worker printed; `at` is time.monotonic()."""

    at: float
    name: str
    facts: dict[str, Any]


class Worker:
    """Started at once; `events` grows as it prints. Slots die with their parent, so killing it
    kills all of it.
    """

    def __init__(
        self,
        url: str,
        token: str,
        name: str,
        home: Path,
        *options: str,
        slots: int = 1,
        env: Mapping[str, str] = {},
    ) -> None:
        self.url, self.name = url, name
        home.mkdir(parents=True, exist_ok=True)
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith("FIRMLIGHT_")
        }
        mine = {
            "FIRMLIGHT_HOME": str(home),
            "FIRMLIGHT_URL": url,
            "FIRMLIGHT_TOKEN": token,
            "FIRMLIGHT_ALWAYS": "1",
        }
        words = ["work", "--json", "--slots", str(slots), "--name", name, *options]
        self.events: list[Event] = []
        self.news = threading.Condition()
        self.frozen = False
        with (home / "stderr").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "firmlight_client.cli", *words],
                env={**clean, **mine, **env},
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                facts = json.loads(line)
                with self.news:
                    self.events.append(Event(time.monotonic(), facts.pop("event", ""), facts))
                    self.news.notify_all()

    def hear(
        self, name: str, *, after: float = 0.0, seconds: float = PATIENCE_SECONDS, **facts: Any
    ) -> Event:
        """The first event of this name, with these facts, printed since `after`; waits for it."""

        def find() -> Event | None:
            fits = (
                e
                for e in self.events
                if e.name == name and e.at >= after and facts.items() <= e.facts.items()
            )
            return next(fits, None)

        with self.news:
            found = self.news.wait_for(find, seconds)
            assert found, (
                f"{self.name} did not say {name} {facts} in {seconds} s, but {self.events[-5:]}"
            )
            return found

    def said(self, name: str, after: float = 0.0) -> list[Event]:
        return [event for event in list(self.events) if event.name == name and event.at >= after]

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def freeze(self) -> None:
        """The machine sleeps: the worker, and the slots that compute for it."""
        self.frozen = True
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        self.frozen = False
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self._ended()

    def stop(self) -> None:
        """Drain; kill it if that takes long."""
        if self.frozen:
            self.thaw()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._ended()

    def _ended(self) -> None:
        self.process.wait()
        self.reader.join(10)
        assert self.process.stdout
        self.process.stdout.close()

    def _pids(self) -> list[int]:
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            return [
                self.process.pid,
                *(p.pid for p in psutil.Process(self.process.pid).children(recursive=True)),
            ]
        return []
