"""One shape for every error: a class with a stable `code` and an HTTP `status`, and how it becomes
JSON.

Services raise subclasses of FirmlightError; every door (REST, pages, sockets) translates them. The
body is `{"code", "message", "fields"?}`, `fields` mapping a field's name to a list of sentences.
"""

from math import ceil
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.response import Response

from core import databases

log = structlog.get_logger(__name__)
Fields = dict[str, list[str]]


class FirmlightError(Exception):
    """Something a user can be told. Subclasses fix `code` (clients switch on it) and `status`."""

    code, status = "error", 400
    message = "That cannot be done."

    def __init__(self, message: str | None = None, fields: Fields | None = None) -> None:
        super().__init__(message or self.message)
        self.message, self.fields = message or self.message, fields

    def as_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        return {**body, "fields": self.fields} if self.fields else body


class Invalid(FirmlightError):
    """Input that breaks a rule; `fields` says which and how."""

    code, status = "invalid", 400
    message = "Some fields are not right."


class Unauthenticated(FirmlightError):
    """Nobody, or nobody we know: log in first."""

    code, status = "not_authenticated", 401
    message = "Log in first."


class Forbidden(FirmlightError):
    """The user may see the thing but not do this to it."""

    code, status = "forbidden", 403
    message = "You may not do this."


class NotFound(FirmlightError):
    """It does not exist, or this user must not know that it does."""

    code, status = "not_found", 404
    message = "There is nothing here."


class Conflict(FirmlightError):
    """The thing is not in a state that allows this."""

    code, status = "conflict", 409
    message = "That is not possible now."


class TooMany(FirmlightError):
    """Too much in too short a time; after `retry_seconds` (the header Retry-After) it may be tried
    again.
    """

    code, status = "throttled", 429
    message = "That was too much in too short a time. Try again later."

    def __init__(self, retry_seconds: float, message: str | None = None) -> None:
        self.retry_seconds = max(1, ceil(retry_seconds))
        super().__init__(message)


class Unavailable(FirmlightError):
    """Database or Redis does not answer; nothing was accepted."""

    code, status = "unavailable", 503
    message = "Part of the server does not answer just now: try again in a few seconds."


class Busy(FirmlightError):
    """Everything that could do it is at work; after `retry_seconds` (the header Retry-After) it may
    be tried again.
    """

    code, status = "busy", 503
    message = "The server is busy just now: try again in a few seconds."

    def __init__(self, retry_seconds: float = 2, message: str | None = None) -> None:
        self.retry_seconds = max(1, ceil(retry_seconds))
        super().__init__(message)


class TooLarge(FirmlightError):
    """More than is read."""

    code, status = "too_large", 413
    message = "This request is larger than the server takes."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, for what is refused before a view sees it: our error body under /api/."""
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    error = (
        TooLarge()
        if isinstance(exception, RequestDataTooBig)
        else Invalid("This request cannot be read.")
    )
    return JsonResponse(error.as_dict(), status=error.status)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: our error body under /api/, Django's page elsewhere."""
    if request.path.startswith("/api/"):
        return JsonResponse(NotFound().as_dict(), status=404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, likewise. What went wrong is in the log, never in the answer."""
    if request.path.startswith("/api/"):
        return JsonResponse(
            {"code": "server_error", "message": "Something went wrong here."}, status=500
        )
    return defaults.server_error(request)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: any exception to our error body; None (a 500) only for what we did not foresee."""
    # Not at the top: DRF's views load the authentication class from its settings, and that one
    # loads this module.
    from rest_framework.views import exception_handler as rest_exception_handler

    if isinstance(error, databases.lost(RedisError)):
        log.error("unavailable", exc_info=error)
        error = Unavailable()
    if isinstance(error, FirmlightError):
        return Response(error.as_dict(), status=error.status, headers=headers_of(error))
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(
            error.message_dict if hasattr(error, "error_dict") else error.messages
        )
    response = rest_exception_handler(error, context)
    if response is not None:
        response.data = _body(error, response)
    return response


def headers_of(error: FirmlightError) -> dict[str, str]:
    """What an answer with this error says in its headers (RFC 9110, 10.2.3 and 11.6.1)."""
    if isinstance(error, TooMany | Busy):
        return {"Retry-After": str(error.retry_seconds)}
    return {"WWW-Authenticate": 'Bearer realm="api"'} if error.status == 401 else {}


def _body(error: Exception, response: Response) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return Invalid(fields=_flatten(error.detail)).as_dict()
    if isinstance(error, Http404):
        return NotFound().as_dict()
    if isinstance(error, PermissionDenied):
        return Forbidden().as_dict()
    assert isinstance(error, exceptions.APIException)
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    return {
        "code": {"permission_denied": "forbidden"}.get(code, code),
        "message": _sentence(error.detail),
    }


def _sentence(detail: Any) -> str:
    if isinstance(detail, dict):
        detail = detail.get("detail", next(iter(detail.values()), ""))
    return str(detail[0] if isinstance(detail, list) and detail else detail)


def _flatten(detail: Any, path: str = "") -> Fields:
    """Nested DRF details to {"a.0.b": [sentences]}; what belongs to no field is under
    "non_field_errors".
    """
    if isinstance(detail, dict):
        parts = [
            _flatten(value, f"{path}.{key}" if path else str(key)) for key, value in detail.items()
        ]
        return {key: value for part in parts for key, value in part.items()}
    if isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        return _flatten({str(i): item for i, item in enumerate(detail) if item}, path)
    return {
        path or "non_field_errors": [
            str(item) for item in (detail if isinstance(detail, list) else [detail])
        ]
    }
