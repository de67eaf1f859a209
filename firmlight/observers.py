"""Sentry and OpenTelemetry. Neither is imported unless its setting is set."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from structlog.contextvars import get_contextvars

from core import logs

NEEDED = {
    "SENTRY_DSN": ("sentry_sdk", "sentry"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("opentelemetry.instrumentation.django", "opentelemetry"),
}
"""Setting -> the module it needs, and the extra that brings it."""


def check(setting: str, value: str) -> str:
    """The value. Raises ImproperlyConfigured if it is set and its library is not installed."""
    module, extra = NEEDED[setting]
    if value and not _is_there(module):
        raise ImproperlyConfigured(
            f"{setting} is set, but {module} is not installed: pip install 'firmlight[{extra}]'"
        )
    return value


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False


def start() -> None:
    """Call once in each process, before Django loads its middleware.

    Python's warnings become lines of the log, too.
    """
    logging.captureWarnings(True)
    if settings.SENTRY_DSN:
        _start_sentry()
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        _start_opentelemetry()


def _start_sentry() -> None:
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=f"firmlight@{settings.SERVER_VERSION}",
        send_default_pii=False,
        include_local_variables=False,  # they may hold anything that people sent
        max_request_body_size="never",
        before_send=_scrubbed,
        before_breadcrumb=lambda crumb, hint: logs.without_secrets_in(crumb),
    )


def _scrubbed(event: Any, hint: Any) -> Any:
    """The event without secrets, and with the ids that the log has."""
    ids = {name: str(value) for name, value in get_contextvars().items()}
    return logs.without_secrets_in({**event, "tags": {**event.get("tags", {}), **ids}})


def _start_opentelemetry() -> None:
    """The exporter reads the other OTEL_… variables from the environment by itself."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = Resource.create(
        {"service.version": settings.SERVER_VERSION, "service.name": settings.OTEL_SERVICE_NAME}
    )
    provider = TracerProvider(resource=about)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    for instrumentor in (DjangoInstrumentor(), CeleryInstrumentor(), RedisInstrumentor()):
        instrumentor.instrument()
