"""The input of an older task, as far as it is still held: for who submits it again."""

from __future__ import annotations

from typing import Any

import msgspec

from firmlight_client import kinds
from tasks import queue
from tasks.models import Task

REFILLED_BYTES_MAX = 2**16  # what people look at in a form


def params_of(task: Task) -> dict[str, Any]:
    """Its params by name, those that are text, numbers or lists; {} if the input is gone, or too large for a form."""
    raw = queue.get_input(task.group_id, task.pk) or queue.get_failed_input(task.group_id, task.pk)
    if raw is None or len(raw) > REFILLED_BYTES_MAX or task.kind not in kinds.installed():
        return {}
    try:
        params = msgspec.msgpack.decode(raw)
    except msgspec.DecodeError:
        return {}
    return {name: value for name, value in params.items() if not isinstance(value, bytes)}
