"""The environment of systems under test: short leases, so that time passes soon."""

from __future__ import annotations

# An idle worker asks by itself every IDLE_ASK_SECONDS; sooner than this, it was woken.
WOKEN_SECONDS_MAX = 4.0
SHORT = {
    "DJANGO_SETTINGS_MODULE": "tests.support.settings",
    "HEARTBEAT_SECONDS": "0.3",
    "LEASE_SECONDS": "1.5",
    "SWEEP_SECONDS": "0.5",
    "RECONCILE_SECONDS": "0.5",
    "MEMBERSHIP_CHECK_SECONDS": "0.5",
    "IDLE_ASK_SECONDS": "5",
    "HELLO_SECONDS_MAX": "1",
    "SPLIT_QUIET_SECONDS_MAX": "2",
    "AGGREGATING_SECONDS_MAX": "3",
    "METRICS_WRITE_SECONDS": "0.5",
    "INLINE_BYTES_MAX": "32",  # so that files are used, too
    "LOG_LEVEL": "WARNING",
}
