"""Answers that are made while they are sent, on both of Django's ways.

Under ASGI Django would first gather a plain iterator whole, and under WSGI (the test client) an
asynchronous one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse


def stream(request: HttpRequest, pieces: Iterator[bytes], **kwargs: Any) -> StreamingHttpResponse:
    """An answer of these pieces; each is made in a thread, so that the event loop goes on."""
    return StreamingHttpResponse(
        _awaited(pieces) if isinstance(request, ASGIRequest) else pieces, **kwargs
    )


async def _awaited(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await sync_to_async(_following, thread_sensitive=False)(pieces)) is not None:
        yield piece


def _following(pieces: Iterator[bytes]) -> bytes | None:
    """StopIteration cannot be raised out of a thread."""
    return next(pieces, None)
