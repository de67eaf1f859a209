"""How the server is observed: probes, metrics, Sentry and OpenTelemetry."""

from django.core.exceptions import ImproperlyConfigured

from firmlight import observers
from firmlight.settings.read import env, number, whole

# A check of /readyz that takes longer has failed.
PROBE_SECONDS_MAX = number("PROBE_SECONDS_MAX", 2, 0.05)
# How soon a process notices that a newer release has been started on its data.
FORMAT_CHECK_SECONDS = number("FORMAT_CHECK_SECONDS", 5, 0.1)
# Without a sweep for so long, the server is not ready.
BEAT_QUIET_SECONDS_MAX = number("BEAT_QUIET_SECONDS_MAX", 60, 0.1)
# Required to read /metrics; without one, only this machine may read them.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
METRICS_TOKEN_CHARS_MIN = 20
if 0 < len(METRICS_TOKEN) < METRICS_TOKEN_CHARS_MIN:
    raise ImproperlyConfigured(
        f"METRICS_TOKEN must have at least {METRICS_TOKEN_CHARS_MIN} characters"
    )
# How often a process writes what it has counted.
METRICS_WRITE_SECONDS = number("METRICS_WRITE_SECONDS", 5, 0.05)
# The subtasks of at most so many tasks under way are summed for a scrape.
METRICS_TASKS_MAX = whole("METRICS_TASKS_MAX", 2000, 1)

SENTRY_DSN = observers.check("SENTRY_DSN", env.str("SENTRY_DSN", ""))
OTEL_EXPORTER_OTLP_ENDPOINT = observers.check(
    "OTEL_EXPORTER_OTLP_ENDPOINT", env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
)
OTEL_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", "firmlight")
