"""People who ask again while the server is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.system.lab import Lab

PATIENCE_SECONDS, LOOK_SECONDS = 60.0, 0.05


class Impatient(AssertionError):
    """It did not happen in time."""


def until(
    look: Callable[[], Any], fine: Callable[[Any], Any] = bool, seconds: float = PATIENCE_SECONDS
) -> Any:
    """What `look` finds, once that is fine."""
    end = time.monotonic() + seconds
    while not fine(found := look()):
        if time.monotonic() > end:
            raise Impatient(f"after {seconds} s still {found}")
        time.sleep(LOOK_SECONDS)
    return found


class PatientLab(Lab):
    """A Lab whose questions are asked again as long as the server does not answer."""

    def ask(self, method: str, path: str, *, person: int = 0, **more: Any) -> httpx.Response:
        """The first answer that is no 5xx. What is sent twice must be harmless twice: GET, cancel,
        PATCH.
        """

        def once() -> httpx.Response | None:
            try:
                answer = self.api[person].request(method, path, **more)
            except httpx.TransportError:
                return None
            return answer if answer.status_code < 500 else None

        return until(once)

    def task(self, task: str) -> dict[str, Any]:
        return self.ask("GET", f"tasks/{task}/").json()

    def result(self, task: str) -> Any:
        return self.ask("GET", f"tasks/{task}/result/").json()

    def until(self, look: Any, fine: Any, seconds: float = PATIENCE_SECONDS) -> Any:
        return until(look, fine, seconds)

    def is_exact(self, task: str, count: int) -> dict[str, Any]:
        """Wait for an ECHO with `collect`; its result is exact and each subtask is counted once.
        Returns the task.
        """
        found = self.wait(task)
        assert found["status"] == "succeeded", found
        assert self.result(task) == {
            "count": count,
            "sum": count * (count - 1) // 2,
            "values": list(range(count)),
        }
        assert found["counts"] == {
            "total": count,
            "done": count,
            "leased": 0,
            "waiting": 0,
            "failed": 0,
        }
        assert sum(row["subtasks"] for row in found["contributions"]) == count
        return found
