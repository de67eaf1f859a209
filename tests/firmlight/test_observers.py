"""Sentry and OpenTelemetry: used where they are set, not even imported where they are not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from firmlight import observers
from tests.support.collector import Collector

WEB = (
    "import sys, firmlight.asgi; from django.test import Client; "
    "Client(HTTP_HOST='127.0.0.1').get('/healthz')"
)


def run(code, **env):
    """What a process of the server with these settings says."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "firmlight.settings", **env}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_neither_is_imported_unless_it_is_set():
    observers = ("sentry_sdk", "opentelemetry.instr", "opentelemetry.exp")
    assert run(f"{WEB}; print([m for m in sys.modules if m.startswith({observers})])") == "[]\n"


@pytest.mark.parametrize("setting", observers.NEEDED)
def test_a_setting_whose_extra_is_missing_is_named_with_what_to_install(setting, monkeypatch):
    monkeypatch.setitem(
        observers.NEEDED, setting, ("nowhere_to_be.found", observers.NEEDED[setting][1])
    )
    with pytest.raises(ImproperlyConfigured, match=rf"{setting} is set.*pip install 'firmlight\["):
        observers.check(setting, "http://127.0.0.1:1")
    assert observers.check(setting, "") == ""


def test_sentry_gets_errors_with_the_requests_id_and_without_secrets():
    fail = """
import logging, structlog, sentry_sdk
structlog.contextvars.bind_contextvars(request_id="edge-0009")
try:
    raise ValueError("Bearer open-sesame-token")
except ValueError:
    logging.getLogger("firmlight.tests").exception("it broke: password=open-sesame")
sentry_sdk.flush(10)
"""
    with Collector() as sentry:
        run(WEB + "\n" + fail, SENTRY_DSN=f"http://key@127.0.0.1:{sentry.port}/1")
    reported = b"".join(body for _, body in sentry.posted)
    assert b"ValueError" in reported
    assert b"edge-0009" in reported
    assert b"open-sesame" not in reported


def test_opentelemetry_gets_a_span_of_each_request():
    flush = "from opentelemetry import trace; trace.get_tracer_provider().force_flush()"
    with Collector() as collector:
        run(f"{WEB}; {flush}", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}")
    spans = b"".join(body for path, body in collector.posted if path == "/v1/traces")
    assert b"healthz" in spans
    assert b"service.name" in spans
