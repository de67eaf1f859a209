"""How the server is watched: probes."""

from firmlight.settings.read import number

PROBE_SECONDS_MAX = number("PROBE_SECONDS_MAX", 2, 0.05)  # what does not answer /readyz in time is not ready
BEAT_QUIET_SECONDS_MAX = number("BEAT_QUIET_SECONDS_MAX", 60, 0.1)  # without a sweep, then the server is not ready
