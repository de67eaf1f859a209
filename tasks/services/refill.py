"""The input of an older task, as far as it is still held: for who submits it again."""

from __future__ import annotations

from typing import Any

import msgspec

from firmlight_client import kinds
from tasks import queue
from tasks.models import Task

REFILLED_BYTES_MAX = 2**16  # what people look at in a form


class Refill:
    """`params` by name, {} if there are none to fill in; `held`: the input is there, and no matter for a form."""

    def __init__(self, task: Task) -> None:
        raw = queue.get_input(task.group_id, task.pk) or queue.get_failed_input(task.group_id, task.pk)
        self.params = _typed(task.kind, raw) if raw and len(raw) <= REFILLED_BYTES_MAX else {}
        self.held = raw is not None and not self.params


def _typed(name: str, raw: bytes) -> dict[str, Any]:
    kind = kinds.installed().get(name)
    try:
        return kind.typed(msgspec.msgpack.decode(raw, type=kind.Params)) if kind else {}
    except msgspec.MsgspecError:  # of an older version of the kind
        return {}
