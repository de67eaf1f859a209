"""`manage.py doctor`: what keeps this deployment from being safe and whole, and what to do about
it.

A check yields findings. One that raises is a finding, too: what cannot be looked at has to be
mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from firmlight.doctor import configuration, processes, storage
from firmlight.doctor.finding import MEND, NOTE, OK, Finding

__all__ = ["MEND", "NOTE", "OK", "Finding", "examine"]

Check = Callable[[], Iterator[Finding]]
CHECKS: dict[str, Check] = {
    "settings": configuration.settings_are_safe,
    "address": configuration.address,
    "files": configuration.files,
    "mail": configuration.mail,
    "database": storage.database,
    "redis": storage.redis_servers,
    "channel layer": storage.channel_layer,
    "kinds": processes.kind_processes,
    "jobs": processes.jobs,
    "beat": processes.beat,
    "public address": processes.public_address,
}


def examine() -> Iterator[Finding]:
    """Everything in turn, as it is found."""
    for name, check in CHECKS.items():
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001  whatever stands in the way is what the operator has to know
            yield Finding(name, MEND, f"cannot be looked at: {type(error).__name__}: {error}")
