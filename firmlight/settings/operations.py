"""How the server is watched: probes, metrics, and the services that others run for it."""

from django.core.exceptions import ImproperlyConfigured

from firmlight import observers
from firmlight.settings.read import env, number, whole

PROBE_SECONDS_MAX = number(
    "PROBE_SECONDS_MAX", 2, 0.05
)  # what does not answer /readyz in time is not ready
BEAT_QUIET_SECONDS_MAX = number(
    "BEAT_QUIET_SECONDS_MAX", 60, 0.1
)  # without a sweep, then the server is not ready
METRICS_TOKEN = env.str(
    "METRICS_TOKEN", ""
)  # who reads /metrics sends it; "": only this machine reads them
METRICS_TOKEN_CHARS_MIN = 20
if 0 < len(METRICS_TOKEN) < METRICS_TOKEN_CHARS_MIN:
    raise ImproperlyConfigured(
        f"METRICS_TOKEN must have {METRICS_TOKEN_CHARS_MIN} characters at least"
    )
METRICS_WRITE_SECONDS = number(
    "METRICS_WRITE_SECONDS", 5, 0.05
)  # how often a process writes what it has counted
METRICS_TASKS_MAX = whole(
    "METRICS_TASKS_MAX", 2000, 1
)  # under way, whose subtasks are summed at a scrape

SENTRY_DSN = observers.check("SENTRY_DSN", env.str("SENTRY_DSN", ""))
OTEL_EXPORTER_OTLP_ENDPOINT = observers.check(
    "OTEL_EXPORTER_OTLP_ENDPOINT", env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
)
OTEL_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", "firmlight")
