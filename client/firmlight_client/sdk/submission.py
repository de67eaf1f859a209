"""What is sent to submit a task: the request itself, without sending it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import msgspec

from firmlight_client.sdk.encoding import Moment, instant, is_array, npy, plain
from firmlight_client.transport import Call

File = str | Path | BinaryIO


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a submission may say besides kind, group and params. `deadline` is sent in UTC."""

    title: str | None = None
    priority: str | None = None
    allow_partial: bool = False
    deadline: Moment | None = None
    subtask_seconds_max: float | None = None

    def body(self) -> dict[str, Any]:
        said = {
            "title": self.title,
            "priority": self.priority,
            "allow_partial": self.allow_partial or None,
            "deadline": None if self.deadline is None else instant(self.deadline),
            "subtask_seconds_max": self.subtask_seconds_max,
        }
        return {name: value for name, value in said.items() if value is not None}


@contextlib.contextmanager
def submission(
    kind: str, group: str, params: Mapping[str, Any], file: File | None, options: Options
) -> Iterator[Call]:
    """The request, good while the block lasts. It carries a key of its own: sent again, it makes no
    second task.
    """
    body = {"group": group, "kind": kind, "params": dict(params), **options.body()}
    if kind == "MEAN" and file is None and is_array(body["params"].get("numbers")):
        file = npy(body["params"].pop("numbers"))
    key = str(uuid4())
    if file is None:
        yield Call("POST", "tasks/", {"content": json.dumps(body, default=plain).encode()}, key)
        return
    with _opened(file) as opened:
        yield Call("POST", "tasks/", _form(body, opened), key)


@contextlib.contextmanager
def _opened(file: File) -> Iterator[BinaryIO]:
    """One that can be read from its beginning again. A file that was opened by others stays open."""
    if isinstance(file, str | Path):
        with Path(file).open("rb") as opened:
            yield opened
    else:
        yield file if file.seekable() else _in_memory(file)


def _in_memory(file: BinaryIO) -> BinaryIO:
    copy = io.BytesIO(file.read())
    copy.name = getattr(file, "name", "")
    return copy


def _form(body: dict[str, Any], file: BinaryIO) -> dict[str, Any]:
    form = {**body, "params": json.dumps(body["params"], default=plain)}
    form = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in form.items()
    }
    name = Path(str(getattr(file, "name", "") or "numbers.npy")).name
    return {"data": form, "files": {"file": (name, file, "application/octet-stream")}}
