"""How large the body of a request may be: submitted tasks are large, all else is not."""

from __future__ import annotations

from math import ceil

from django.conf import settings
from django.urls import Resolver404, resolve

from core.asgi_types import Scope
from firmlight.serving.bodies import LARGE_SHARE, Head, Limits

SUBMITS = {"task-list", "task-preview", "page:new-task", "page:preview-task"}
FORM_BYTES = 2**20  # round a file: boundaries and the other fields


def limits() -> Limits:
    """Return those of the settings; there is always room for one upload of the largest size."""
    largest = _upload_bytes()
    return Limits(
        seconds=settings.BODY_SECONDS_MAX,
        window_seconds=settings.TRANSFER_WINDOW_SECONDS,
        bytes_per_second=settings.TRANSFER_BYTES_PER_SECOND_MIN,
        memory_bytes=settings.BODY_MEMORY_BYTES_MAX,
        sum_bytes=max(settings.BODIES_BYTES_MAX, ceil(largest / LARGE_SHARE)),
        owner_bytes=max(settings.BODIES_PER_USER_BYTES_MAX, largest),
        stranger_bytes=settings.ANONYMOUS_BODY_BYTES_MAX,
    )


def most(scope: Scope, head: Head) -> int:
    """Return how many bytes it may have; what its sender may do Django checks afterwards."""
    if not head.has_credentials:
        return settings.ANONYMOUS_BODY_BYTES_MAX
    if not _submits(scope["path"]):
        return settings.BODY_BYTES_MAX
    if head.is_form_with_files:
        return _upload_bytes()
    return settings.JSON_BODY_BYTES_MAX


def _upload_bytes() -> int:
    return max(settings.UPLOAD_BYTES_MAX, settings.JSON_BODY_BYTES_MAX) + FORM_BYTES


def _submits(path: str) -> bool:
    try:
        return resolve(path).view_name in SUBMITS
    except Resolver404:
        return False
