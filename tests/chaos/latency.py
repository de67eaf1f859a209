"""How long honest people wait while all that goes on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict

import httpx

from tests.system.lab import TLS

PROBE_SECONDS = 0.25
ANSWER_SECONDS_MAX = 30.0
EACH_ANEW = {"Connection": "close"}  # as a load balancer asks


class Latency(threading.Thread):
    """Seconds until the answer, by what was asked. Questions without an answer (web was killed) do
    not count.

    It asks /healthz all the time by itself; people note their submissions.
    """

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True, name="latency")
        self.url = url
        self.samples: dict[str, list[float]] = defaultdict(list)
        self.leaving = threading.Event()

    def note(self, what: str, seconds: float) -> None:
        self.samples[what].append(seconds)

    def run(self) -> None:
        with httpx.Client(timeout=ANSWER_SECONDS_MAX, verify=TLS, headers=EACH_ANEW) as client:
            while not self.leaving.wait(PROBE_SECONDS):
                self._probe(client)

    def _probe(self, client: httpx.Client) -> None:
        began = time.monotonic()
        with contextlib.suppress(httpx.HTTPError):
            if client.get(f"{self.url}/healthz").is_success:
                self.note("/healthz", time.monotonic() - began)

    def leave(self) -> None:
        self.leaving.set()
        self.join()
