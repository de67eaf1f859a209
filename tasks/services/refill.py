"""The input of an older task, as far as it is still held: for who submits it again."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from core.errors import Busy
from firmlight_client import kinds
from tasks import blobs
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import KindFault
from tasks.models import Task

REFILLED_BYTES_MAX = 2**16  # what people look at in a form


class Refill:
    """`params` by name, {} if there are none to fill in; `held`: the input is there, and no matter
    for a form.
    """

    def __init__(self, task: Task, user: User) -> None:
        raw = blobs.get_input(task.group_id, task.pk) or blobs.get_failed_input(
            task.group_id, task.pk
        )
        self.params = _typed(task.kind, raw, user) if raw and len(raw) <= REFILLED_BYTES_MAX else {}
        self.held = raw is not None and not self.params


def _typed(name: str, raw: bytes, user: User) -> dict[str, Any]:
    """{} also where the kind fails at it: the form is shown all the same."""
    kind = kinds.installed().get(name)
    try:
        return calls.typed(kind, raw, owner=user.pk) if kind else {}
    except (KindFault, Busy):
        return {}
