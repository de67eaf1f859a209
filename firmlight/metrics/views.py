"""`/metrics`, for Prometheus and nobody else."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from redis.exceptions import RedisError

from core import databases, metrics
from firmlight.metrics.shown import Shown

LOOPBACK = ("127.0.0.1", "::1")
PASSED_ON = (
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-IP",
)  # a proxy on this machine has our loopback address, too
log = structlog.get_logger(__name__)


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """All metrics in the format that the scraper accepts; 503 while database or Redis is away."""
    if not may_read(request):
        return _refused()
    metrics.write()
    registry = CollectorRegistry()
    registry.register(_Once())
    encode, kind = choose_encoder(request.headers.get("Accept", ""))
    try:
        return HttpResponse(encode(registry), content_type=kind)
    except databases.failures(RedisError):
        log.warning("metrics_not_shown", exc_info=True)
        return HttpResponse(
            "Database or Redis does not answer.\n", status=503, content_type="text/plain"
        )


class _Once(Shown):
    """A registry asks at the entry what there is; that would be all of the work a second time."""

    def describe(self) -> list[object]:
        return []


def may_read(request: HttpRequest) -> bool:
    """With METRICS_TOKEN who sends it; without, who asks from this machine, and not through a
    proxy.
    """
    if settings.METRICS_TOKEN:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and constant_time_compare(
            token.strip(), settings.METRICS_TOKEN
        )
    passed_on = any(name in request.headers for name in PASSED_ON)
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not passed_on


def _refused() -> HttpResponse:
    if settings.METRICS_TOKEN:
        how = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return HttpResponse(
            "Send METRICS_TOKEN.\n", status=401, content_type="text/plain", headers=how
        )
    return HttpResponse(
        "Set METRICS_TOKEN to read this from afar.\n", status=403, content_type="text/plain"
    )
