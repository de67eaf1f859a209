"""The input of an older task, if it is still held, for a user who submits it again."""

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
    """The params of an older task, by name, to fill in a form.

    `held` says that the input is there although `params` is empty: it is too large for a form.
    """

    def __init__(self, task: Task, user: User) -> None:
        raw = blobs.get_input(task.group_id, task.pk)
        raw = raw or blobs.get_failed_input(task.group_id, task.pk)
        self.params: dict[str, Any] = {}
        if raw and len(raw) <= REFILLED_BYTES_MAX:
            self.params = _typed(task.kind, raw, user)
        self.held = raw is not None and not self.params


def _typed(name: str, raw: bytes, user: User) -> dict[str, Any]:
    """The params as people type them; {} if the kind fails: the form is shown anyway."""
    kind = kinds.installed().get(name)
    if kind is None:
        return {}
    try:
        return calls.typed(kind, raw, owner=user.pk)
    except (KindFault, Busy):
        return {}
