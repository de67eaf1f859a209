"""What is known of a task, and how long to wait for more: common to both clients, without I/O."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from firmlight_client import errors
from firmlight_client.sdk.verification import Verification

FINAL = {"succeeded", "failed", "cancelled"}
POLL_SECONDS_SILENT, POLL_SECONDS_PUSHED = 2.0, 5.0  # without and with a live connection


class TaskState:
    """A task as the server described it last: `info` is what `GET /api/tasks/{id}/` shows."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.info = info
        self.id: str = info["id"]
        # The result, if it came with the last snapshot. A list, because a result may be None.
        self.outcome: list[Any] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.info.get('kind', '')} {self.status}>"

    def _repr_html_(self) -> str:
        from firmlight_client.sdk.notebook import task_html

        return task_html(self.info)

    @property
    def status(self) -> str:
        """As the server said last; `refresh` asks again."""
        return self.info["status"]

    @property
    def is_over(self) -> bool:
        return self.status in FINAL

    @property
    def verification(self) -> Verification | None:
        """How the result was checked, as the server said last; None while there is none."""
        said = self.info.get("verification")
        return msgspec.convert(said, Verification) if said else None

    @property
    def withdrawn(self) -> str | None:
        """When a result that had been delivered turned out to be wrong; None: none did.

        If the task has succeeded since then, another result has taken its place.
        """
        return self.info.get("withdrawn")

    def without_result(self) -> errors.TaskEnded:
        """The error that says why there is no result."""
        error = self.info.get("error") or {}
        code = error.get("code") or f"task_{self.status}"
        if self.status == "cancelled":
            return errors.TaskCancelled(self.id, code, error.get("message") or "it was cancelled")
        return errors.TaskFailed(self.id, code, error.get("message") or "it failed")


class Patience:
    """How long a caller waits: `timeout` seconds from now; None: without end."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.end = float("inf") if timeout is None else time.monotonic() + timeout

    @property
    def left(self) -> float | None:
        """Seconds; None: without end."""
        return None if self.timeout is None else max(0.0, self.end - time.monotonic())

    def next_look(self, *, pushed: bool) -> float:
        """Seconds to wait for a pushed snapshot before asking for one."""
        longest = POLL_SECONDS_PUSHED if pushed else POLL_SECONDS_SILENT
        return max(0.0, min(longest, self.end - time.monotonic()))

    def check(self, task: TaskState) -> None:
        """Raises ResultTimeout."""
        if time.monotonic() >= self.end:
            raise errors.ResultTimeout(f"task {task.id} is {task.status} after {self.timeout:g} s")
