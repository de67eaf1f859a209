"""Read the input of a task with the code of its kind, and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from accounts.models import User
from core.errors import FirmlightError, Invalid, Unavailable
from firmlight_client import kinds
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import KindChanged, KindRaised, KindStopped, RuleViolated


class BadInput(Invalid):
    """The kind does not take this input.

    The code of a file that can be read in several ways is "ambiguous_file"; then `choices` maps the
    params that would settle it to their values, and `columns` describes the file's columns.
    """

    def __init__(self, error: kinds.ParamsError) -> None:
        self.code, self.choices, self.columns = error.code, error.choices, error.columns
        message = None
        if self.code == "ambiguous_file":
            message = "This file can be read in more than one way."
        field = "file" if error.field == "file" else f"params.{error.field}".rstrip(".")
        super().__init__(message, {field: [error.message]})

    def as_dict(self) -> dict[str, Any]:
        found = super().as_dict()
        if self.choices:
            found["choices"] = self.choices
        if self.columns:
            found["columns"] = self.columns
        return found


class InputTooHard(FirmlightError):
    """Reading the input exceeded a limit of time or memory, or ended the process that read it."""

    code, status = "input_too_hard", 400
    message = "This input is too hard to read for this server."


def find_kind(name: str) -> kinds.Kind:
    """The installed kind of this name. Raises Invalid."""
    try:
        return kinds.get(name)
    except kinds.UnknownKind:
        known = ", ".join(kinds.listed())
        message = f"There is no kind {name!r} here; there are {known}."
        raise Invalid(fields={"kind": [message]}) from None


def read_params(
    kind: kinds.Kind, params: Mapping[str, Any], file: UploadedFile | None, *, author: User
) -> bytes:
    """The kind's own Params as MessagePack. Raises as `input_errors` does."""
    with input_errors(kind, file):
        return calls.load(kind, params, file, owner=author.pk)


@contextmanager
def input_errors(kind: kinds.Kind, file: UploadedFile | None) -> Iterator[None]:
    """Turn what the kind's code says of an input into errors for the user who gave it.

    Raises BadInput, Invalid and InputTooHard with `params.<name>`, `params` or `file` as the field,
    Busy, and Unavailable.
    """
    source = "params" if file is None else "file"
    if file is not None and (file.size or 0) > settings.UPLOAD_BYTES_MAX:
        raise Invalid(fields={"file": [f"At most {settings.UPLOAD_BYTES_MAX:,} bytes."]})
    try:
        yield
    except kinds.ParamsError as error:
        raise BadInput(error) from None
    except KindStopped as error:
        advice = "Give less at a time, or the same in a simpler form."
        message = f"It could not be read: {error}. {advice}"
        raise InputTooHard(fields={source: [message]}) from None
    except KindRaised as error:
        message = f"{kind.name} cannot read this ({error.name}): {error}"
        raise Invalid(fields={source: [message]}) from None
    except RuleViolated as error:
        raise Invalid(fields={"params": [str(error)]}) from None
    except KindChanged:
        message = f"{kind.name} is being updated on this server: try again in a minute."
        raise Unavailable(message) from None
