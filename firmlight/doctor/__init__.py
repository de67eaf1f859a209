"""`manage.py doctor`: what is wrong with this deployment, and what to do about it.

A check yields findings. A check that raises is a finding, too: what cannot be examined needs to be
fixed.
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
    "data format": storage.data_format,
    "file storage": storage.files,
    "channel layer": storage.channel_layer,
    "kinds": processes.kind_processes,
    "jobs": processes.jobs,
    "beat": processes.beat,
    "public address": processes.public_address,
}


def examine() -> Iterator[Finding]:
    """Run all checks in turn, and yield each finding when it is known."""
    for name, check in CHECKS.items():
        try:
            yield from check()
        # Whatever prevents the check is what the operator has to know.
        except Exception as error:  # noqa: BLE001
            yield Finding(name, MEND, f"cannot be checked: {type(error).__name__}: {error}")
