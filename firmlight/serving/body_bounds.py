"""How large the body of a request may be: what is submitted is large, all else is not."""

from __future__ import annotations

from django.conf import settings
from django.urls import Resolver404, resolve

from firmlight.serving.asgi_types import Scope
from firmlight.serving.bodies import Head

SUBMITS = {"task-list", "task-preview", "page:new-task", "page:preview-task"}
FORM_BYTES = 2**20  # of what stands round a file: boundaries and the other fields


def most(scope: Scope, head: Head) -> int:
    """Bytes. Whether the sender may do what they ask is for Django to say, when the body is there."""
    if not head.has_credentials:
        return settings.ANONYMOUS_BODY_BYTES_MAX
    if not _submits(scope["path"]):
        return settings.BODY_BYTES_MAX
    if head.is_form_with_files:
        return max(settings.UPLOAD_BYTES_MAX, settings.JSON_BODY_BYTES_MAX) + FORM_BYTES
    return settings.JSON_BODY_BYTES_MAX


def _submits(path: str) -> bool:
    try:
        return resolve(path).view_name in SUBMITS
    except Resolver404:
        return False
