"""Sending the form of a new task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.test import Client

from accounts.models import User
from groups.models import Group
from tasks import blobs
from tasks.models import Task

Browser = Callable[..., Client]
PLAIN = {
    "title": "",
    "description": "",
    "priority": "normal",
    "hours": "",
    "subtask_seconds_max": "",
}


@pytest.fixture
def send(group: Group, bob: User, browser: Browser) -> Callable[..., Any]:
    """send("MEAN", numbers="1 2"): what Bob's browser gets for it."""

    def post(
        kind: str, where: str = "", *, user: User | None = None, htmx: bool = False, **fields: Any
    ) -> Any:
        own = {
            name: fields.pop(name)
            for name in (*PLAIN, "allow_partial", "verify", "file", "key")
            if name in fields
        }
        params = {name if "-" in name else f"param-{name}": value for name, value in fields.items()}
        data = {"kind": kind, "key": str(uuid4()), **PLAIN, **params, **own}
        return browser(user or bob, htmx=htmx).post(f"/groups/{group.pk}/tasks/new/{where}", data)

    return post


def input_of(task: Task) -> dict[str, Any]:
    return msgspec.msgpack.decode(blobs.get_input(task.group_id, task.pk) or b"")
