"""What the server told about tasks and groups: common to both clients, without any I/O."""

from __future__ import annotations

import time
from typing import Any

from firmlight_client import errors

FINAL = {"succeeded", "failed", "cancelled"}
POLL_SECONDS_SILENT, POLL_SECONDS_PUSHED = 2.0, 5.0  # without and with a live connection


class Told:
    """A task as the server described it last: `info` is what `GET /api/tasks/{id}/` shows."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.info = info
        self.id: str = info["id"]
        self.outcome: list[Any] = []  # the result, if it came with the last news

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.info.get('kind', '')} {self.status}>"

    def _repr_html_(self) -> str:
        from firmlight_client.sdk.notebook import task_html

        return task_html(self.info)

    @property
    def status(self) -> str:
        """As of the last word; `refresh` asks again."""
        return self.info["status"]

    @property
    def is_over(self) -> bool:
        return self.status in FINAL

    def without_result(self) -> errors.TaskEnded:
        """The error that says why there is none."""
        cancelled = self.status == "cancelled"
        known = errors.TaskCancelled if cancelled else errors.TaskFailed
        error, was = self.info.get("error") or {}, "was cancelled" if cancelled else "failed"
        return known(
            self.id, error.get("code") or f"task_{self.status}", error.get("message") or f"it {was}"
        )


class Group(dict[str, Any]):
    """A group of yours, as `GET /api/groups/` shows it."""

    def _repr_html_(self) -> str:
        from firmlight_client.sdk.notebook import group_html

        return group_html(self)


class Patience:
    """How long somebody waits: `timeout` seconds from now, None for ever."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.end = float("inf") if timeout is None else time.monotonic() + timeout

    def next_look(self, *, pushed: bool) -> float:
        """Seconds to wait for news before asking."""
        return max(
            0.0,
            min(
                POLL_SECONDS_PUSHED if pushed else POLL_SECONDS_SILENT, self.end - time.monotonic()
            ),
        )

    def check(self, task: Told) -> None:
        """Raises ResultTimeout."""
        if time.monotonic() >= self.end:
            raise errors.ResultTimeout(f"task {task.id} is {task.status} after {self.timeout:g} s")


def group_called(groups: list[Group], called: str) -> Group:
    """The one of this id, or of this name if it is the only one. Raises NotFound."""
    found = [group for group in groups if called == str(group["id"])]
    found = found or [
        group for group in groups if str(group["name"]).casefold() == called.casefold()
    ]
    if len(found) > 1:
        raise errors.NotFound(
            "ambiguous", f"You are in {len(found)} groups called {called!r}: give the id."
        )
    if not found:
        raise errors.NotFound("not_found", f"You are in no group called {called!r}.", status=404)
    return found[0]


def worker_called(workers: list[dict[str, Any]], called: str) -> str:
    """The id. A name is unique among the workers of one owner; an id comes first. Raises NotFound."""
    known = {row["name"]: str(row["id"]) for row in workers}
    if called in known.values():
        return called
    if called not in known:
        raise errors.NotFound("not_found", f"You have no worker called {called!r}.", status=404)
    return known[called]
