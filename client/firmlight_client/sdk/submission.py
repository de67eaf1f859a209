"""The request that submits a task. `Client` sends it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import msgspec

from firmlight_client.sdk.encoding import Moment, as_npy, is_array, iso_time, json_default
from firmlight_client.transport import Call

File = str | Path | BinaryIO


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a submission may say besides kind, group and params. `deadline` is sent in UTC."""

    title: str | None = None
    priority: str | None = None
    allow_partial: bool = False
    deadline: Moment | None = None
    subtask_seconds_max: float | None = None
    verify: str | None = None

    def body(self) -> dict[str, Any]:
        """The fields of the request; what was not given is left out."""
        fields: dict[str, Any] = {
            "title": self.title,
            "priority": self.priority,
            "subtask_seconds_max": self.subtask_seconds_max,
            "verify": self.verify,
        }
        if self.allow_partial:
            fields["allow_partial"] = True
        if self.deadline is not None:
            fields["deadline"] = iso_time(self.deadline)
        return {name: value for name, value in fields.items() if value is not None}


@contextlib.contextmanager
def submission(
    kind: str, group: str, params: Mapping[str, Any], file: File | None, options: Options
) -> Iterator[Call]:
    """The request, valid while the block lasts.

    It has a key of its own, so that sending it again makes no second task.
    """
    body = {"group": group, "kind": kind, "params": dict(params), **options.body()}
    if kind == "MEAN" and file is None and is_array(body["params"].get("numbers")):
        file = as_npy(body["params"].pop("numbers"))
    key = str(uuid4())
    if file is None:
        yield Call(
            "POST", "tasks/", {"content": json.dumps(body, default=json_default).encode()}, key
        )
        return
    with _opened(file) as opened:
        yield Call("POST", "tasks/", _form(body, opened), key)


@contextlib.contextmanager
def _opened(file: File) -> Iterator[BinaryIO]:
    """A file that can be read again from its beginning. It closes only what it opened itself."""
    if isinstance(file, str | Path):
        with Path(file).open("rb") as opened:
            yield opened
    elif file.seekable():
        yield file
    else:
        yield _in_memory(file)


def _in_memory(file: BinaryIO) -> BinaryIO:
    copy = io.BytesIO(file.read())
    copy.name = getattr(file, "name", "")
    return copy


def _form(body: dict[str, Any], file: BinaryIO) -> dict[str, Any]:
    """The request as a multipart form, whose fields are text."""
    fields = {**body, "params": json.dumps(body["params"], default=json_default)}
    if "allow_partial" in fields:
        fields["allow_partial"] = "true"
    name = Path(str(getattr(file, "name", "") or "numbers.npy")).name
    return {"data": fields, "files": {"file": (name, file, "application/octet-stream")}}
