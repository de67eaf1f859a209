"""Honest people beside an attack: how late what they ask for is, and what the web process takes
meanwhile.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import psutil

from benchmarks.lab import PASSWORD, Lab
from firmlight_client.errors import FirmlightClientError

ANSWER_SECONDS_MAX = 60.0
AFTER_SECONDS = 2.0  # what an attack leaves behind may still be worked on
LOOK_SECONDS = 0.05
PAUSE_SECONDS = {"/healthz": 0.1, "log-in": 0.5, "conclusion": 0.5}
MIB = 2**20


@dataclass
class Figures:
    """Of one attack. `seconds` {question: [until each answer]}; `unanswered` {question: how many}.

    `web_mib` and `children_mib` are the highest resident memory of web, and of its child processes
    together.
    """

    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in PAUSE_SECONDS}
    )
    unanswered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PAUSE_SECONDS, 0))
    web_mib: float = 0.0
    children_mib: float = 0.0

    def words(self, question: str) -> str:
        """ "0.012 s, 0.145 s" (median, max), and how many had no answer."""
        found, without = self.seconds[question], self.unanswered[question]
        said = f"{statistics.median(found):.3f} s, {max(found):.3f} s" if found else "no answer"
        return f"{said}; {without} without an answer" if found and without else said


class Honest:
    """A user who logs in, a load balancer that probes, a group whose tasks a worker computes."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.login = lab.client.me()["username"]
        self.web = psutil.Process(lab.system.pids()["web"])

    @contextlib.contextmanager
    def measured(self) -> Iterator[Figures]:
        """All of it goes on during the block and AFTER_SECONDS longer."""
        found, leaving = Figures(), threading.Event()
        questions: dict[str, Callable[[], None]] = {
            "/healthz": self._probe,
            "log-in": self._log_in,
            "conclusion": self._conclude,
        }
        threads = [
            threading.Thread(target=_ask, args=(name, question, found, leaving), daemon=True)
            for name, question in questions.items()
        ]
        threads.append(threading.Thread(target=self._weigh, args=(found, leaving), daemon=True))
        for thread in threads:
            thread.start()
        try:
            yield found
            time.sleep(AFTER_SECONDS)
        finally:
            leaving.set()
            for thread in threads:
                thread.join(2 * ANSWER_SECONDS_MAX)

    # Each raises if there is no answer, or not the right one

    def _probe(self) -> None:
        self._get("/healthz")

    def _log_in(self) -> None:
        url = f"{self.lab.system.url}/api/auth/login/"
        body = {"login": self.login, "password": PASSWORD}
        httpx.post(url, json=body, timeout=ANSWER_SECONDS_MAX, verify=False).raise_for_status()

    def _conclude(self) -> None:
        task = self.lab.client.submit("ECHO", group=self.lab.group, count=3)
        task.result(timeout=ANSWER_SECONDS_MAX)

    def _get(self, path: str) -> None:
        url = f"{self.lab.system.url}{path}"
        httpx.get(url, timeout=ANSWER_SECONDS_MAX, verify=False).raise_for_status()

    def _weigh(self, found: Figures, leaving: threading.Event) -> None:
        while not leaving.wait(LOOK_SECONDS):
            with contextlib.suppress(psutil.Error):
                found.web_mib = max(found.web_mib, self.web.memory_info().rss / MIB)
                children = sum(
                    child.memory_info().rss for child in self.web.children(recursive=True)
                )
                found.children_mib = max(found.children_mib, children / MIB)


def _ask(name: str, question: Callable[[], None], found: Figures, leaving: threading.Event) -> None:
    """Again and again; an answer that takes until the end of the attack counts."""
    while not leaving.is_set():
        began = time.monotonic()
        try:
            question()
        except (httpx.HTTPError, FirmlightClientError, TimeoutError):
            found.unanswered[name] += 1
        else:
            found.seconds[name].append(time.monotonic() - began)
        leaving.wait(PAUSE_SECONDS[name])
