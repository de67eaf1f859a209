"""Who stands at a socket's door, and how often a watched task is announced."""

from __future__ import annotations

import time
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings

from accounts import selectors as account_selectors
from accounts.selectors import Bearer
from tasks import events

_announced: dict[str, float] = {}  # task -> when, monotonic seconds; losing it costs one message
ANNOUNCED_MAX = 10_000


def token_of(scope: dict[str, Any]) -> str:
    """The bearer token of the handshake, "" without one."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


async def bearer_of(scope: dict[str, Any]) -> Bearer | None:
    token = token_of(scope)
    return await database_sync_to_async(account_selectors.bearer)(token) if token else None


async def announce_progress(task: str, group: str) -> None:
    """Tell who watches, at most LIVE_UPDATES_PER_SECOND times a second for each task and process."""
    now = time.monotonic()
    if now - _announced.get(task, 0.0) < 1 / settings.LIVE_UPDATES_PER_SECOND:
        return
    if len(_announced) >= ANNOUNCED_MAX:
        _announced.clear()
    _announced[task] = now
    await events.task_changed(task, group)
