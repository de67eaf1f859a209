"""One shape for every error: a class with a stable `code` and an HTTP `status`.

Services raise subclasses of FirmlightError; the REST API, the pages and the sockets translate them.
The JSON is `{"code", "message", "fields"?}`, where `fields` maps a field's name to a list of
sentences.
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
    """An error that a user may see.

    Subclasses fix `status` and `code`; clients switch on `code`.
    """

    code, status = "error", 400
    message = "That cannot be done."

    def __init__(self, message: str | None = None, fields: Fields | None = None) -> None:
        super().__init__(message or self.message)
        self.message, self.fields = message or self.message, fields

    def as_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.fields:
            body["fields"] = self.fields
        return body


class Invalid(FirmlightError):
    """Input that breaks a rule; `fields` says which and how."""

    code, status = "invalid", 400
    message = "Some fields are not right."


class Unauthenticated(FirmlightError):
    """The request comes from nobody we know."""

    code, status = "not_authenticated", 401
    message = "Log in first."


class Forbidden(FirmlightError):
    """The user may see the thing but not do this to it."""

    code, status = "forbidden", 403
    message = "You may not do this."


class NotFound(FirmlightError):
    """The thing does not exist, or this user must not know that it does."""

    code, status = "not_found", 404
    message = "There is nothing here."


class Conflict(FirmlightError):
    """The thing is not in a state that allows this."""

    code, status = "conflict", 409
    message = "That is not possible now."


class TooMany(FirmlightError):
    """Too many requests in too short a time; try again after `retry_seconds` (Retry-After)."""

    code, status = "throttled", 429
    message = "Too many requests in too short a time. Try again later."

    def __init__(
        self, retry_seconds: float, message: str | None = None, fields: Fields | None = None
    ) -> None:
        self.retry_seconds = max(1, ceil(retry_seconds))
        super().__init__(message, fields)


class Unavailable(FirmlightError):
    """The database or Redis does not answer; nothing was accepted."""

    code, status = "unavailable", 503
    message = "Part of the server does not answer. Try again in a few seconds."


class Busy(FirmlightError):
    """The server is at its capacity; try again after `retry_seconds` (Retry-After)."""

    code, status = "busy", 503
    message = "The server is busy. Try again in a few seconds."

    def __init__(self, retry_seconds: float = 2, message: str | None = None) -> None:
        self.retry_seconds = max(1, ceil(retry_seconds))
        super().__init__(message)


class TooLarge(FirmlightError):
    """The request is larger than the server reads."""

    code, status = "too_large", 413
    message = "This request is larger than the server accepts."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: our error body under /api/, Django's page elsewhere."""
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    error: FirmlightError = Invalid("This request cannot be read.")
    if isinstance(exception, RequestDataTooBig):
        error = TooLarge()
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
    """DRF's hook: translate any exception; None, a 500, only for what nobody foresaw."""
    # Not at the top: DRF's views load the authentication class that its settings name, and that
    # class loads this module.
    from rest_framework.views import exception_handler as rest_exception_handler

    if isinstance(error, databases.lost(RedisError)):
        log.error("unavailable", exc_info=error)
        error = Unavailable()
    if isinstance(error, FirmlightError):
        return Response(error.as_dict(), status=error.status, headers=headers_of(error))
    if isinstance(error, DjangoValidationError):
        has_fields = hasattr(error, "error_dict")
        detail = error.message_dict if has_fields else error.messages
        error = exceptions.ValidationError(detail)
    response = rest_exception_handler(error, context)
    if response is not None:
        response.data = _body(error, response)
    return response


def headers_of(error: FirmlightError) -> dict[str, str]:
    """The headers of an answer with this error (RFC 9110, 10.2.3 and 11.6.1)."""
    if isinstance(error, TooMany | Busy):
        return {"Retry-After": str(error.retry_seconds)}
    if error.status == 401:
        return {"WWW-Authenticate": 'Bearer realm="api"'}
    return {}


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
    if code == "permission_denied":  # DRF's name for what we call forbidden
        code = Forbidden.code
    return {"code": code, "message": _sentence(error.detail)}


def _sentence(detail: Any) -> str:
    """One sentence out of DRF's details, which may be a text, a list or a dictionary."""
    if isinstance(detail, dict):
        detail = detail.get("detail", next(iter(detail.values()), ""))
    if isinstance(detail, list) and detail:
        detail = detail[0]
    return str(detail)


def _flatten(detail: Any, path: str = "") -> Fields:
    """Nested DRF details as {"a.0.b": [sentences]}; the key without a field is non_field_errors."""
    if isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        # A list of forms, of which some have errors: their places become part of the path.
        detail = {str(place): item for place, item in enumerate(detail) if item}
    if isinstance(detail, dict):
        fields: Fields = {}
        for key, value in detail.items():
            fields |= _flatten(value, f"{path}.{key}" if path else str(key))
        return fields
    sentences = detail if isinstance(detail, list) else [detail]
    return {path or "non_field_errors": [str(sentence) for sentence in sentences]}
