"""The errors of the client. Every one is a FirmlightClientError.

What the server says may be shown by a traceback in a terminal, so the text of an error is
printable; `message` and `fields` are as they came.
"""

from __future__ import annotations

from typing import Any

from firmlight_client.text import visible

Fields = dict[str, list[str]]


class FirmlightClientError(Exception):
    """Its text is one sentence for people."""


class ConnectionFailed(FirmlightClientError):
    """The server cannot be reached, or answered something that is not Firmlight."""


class ApiError(FirmlightClientError):
    """The server refused. `code` is stable; `fields` maps a field to what is wrong with it.

    `choices` maps params that would settle it to their values, {"decimal": ["point", "comma"]}: of
    a file that can be read in several ways (code "ambiguous_file"), or a column or sheet that is
    not there. `columns` describes what the columns of such a file hold, where it has any.
    """

    def __init__(
        self,
        code: str,
        message: str,
        fields: Fields | None = None,
        status: int = 0,
        choices: dict[str, list[str]] | None = None,
        columns: list[dict[str, Any]] | None = None,
    ) -> None:
        self.code, self.message, self.fields, self.status = code, message, fields or {}, status
        self.choices, self.columns = choices or {}, columns or []
        reasons = [f"{name}: {' '.join(words)}" for name, words in self.fields.items()]
        super().__init__(visible(" ".join([message, *reasons]), keep="\n"))


class NotLoggedIn(ApiError):
    """No token, or one that is no longer valid (401)."""


class NotFound(ApiError):
    """It does not exist, or you must not know that it does (404)."""


class ResultNotReady(ApiError):
    """The task is still running (409)."""


class ResultWithdrawn(ApiError):
    """The result that was delivered was wrong; another one is being made (409)."""


class ResultExpired(ApiError):
    """The result was kept for its time and is gone (410)."""


class TaskEnded(FirmlightClientError):
    """The task ended without a result; `code` and `message` say why."""

    def __init__(self, task: str, code: str, message: str) -> None:
        self.task, self.code, self.message = task, code, message
        super().__init__(visible(f"task {task}: {message or code}", keep="\n"))


class TaskFailed(TaskEnded):
    """A subtask failed at its last attempt, or the task could not be split or combined."""


class TaskCancelled(TaskEnded):
    """Somebody cancelled it."""


class ResultTimeout(FirmlightClientError, TimeoutError):
    """The task was not over in the time given; it goes on, and may be waited for again."""


BY_CODE: dict[str, type[ApiError]] = {
    "result_not_ready": ResultNotReady,
    "result_withdrawn": ResultWithdrawn,
    "result_expired": ResultExpired,
}
BY_STATUS: dict[int, type[ApiError]] = {401: NotLoggedIn, 404: NotFound, 410: ResultExpired}


def api_error(status: int, body: dict[str, Any]) -> ApiError:
    """The exception for an error body `{"code", "message", "fields"?}`."""
    code = str(body.get("code", "error"))
    known = BY_CODE.get(code) or BY_STATUS.get(status, ApiError)
    message = str(body.get("message", f"The server answered {status}."))
    return known(
        code, message, body.get("fields"), status, body.get("choices"), body.get("columns")
    )
