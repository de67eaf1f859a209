"""`/metrics`, for Prometheus alone."""

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
# Headers of a proxy. One on this machine comes from the loopback address, too.
PASSED_ON = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
log = structlog.get_logger(__name__)


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """All metrics in the format that the scraper accepts; 503 if database or Redis is down."""
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
    """Describes nothing: at registration that would collect all metrics a second time."""

    def describe(self) -> list[object]:
        return []


def may_read(request: HttpRequest) -> bool:
    """Whether the request sends METRICS_TOKEN; without one set, whether it is from this machine."""
    if settings.METRICS_TOKEN:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_token = constant_time_compare(token.strip(), settings.METRICS_TOKEN)
        return is_token and scheme.lower() == "bearer"
    passed_on = any(name in request.headers for name in PASSED_ON)
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not passed_on


def _refused() -> HttpResponse:
    if settings.METRICS_TOKEN:
        how = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return HttpResponse(
            "Send METRICS_TOKEN.\n", status=401, content_type="text/plain", headers=how
        )
    return HttpResponse(
        "Set METRICS_TOKEN to read this from another machine.\n",
        status=403,
        content_type="text/plain",
    )
