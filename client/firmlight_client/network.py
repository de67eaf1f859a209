"""What this machine's owner lets kinds reach: public addresses only, or private ones too, or only the hosts he names.

It holds for one process: a worker's slot sets it at its start.
"""

from __future__ import annotations

from collections.abc import Iterable

_private_allowed = False
_hosts: tuple[str, ...] = ()


def allow_private() -> None:
    """Let kinds of this process reach private addresses and any port."""
    global _private_allowed  # noqa: PLW0603  one switch a process, thrown once
    _private_allowed = True


def private_allowed() -> bool:
    return _private_allowed


def allow_only(hosts: Iterable[str]) -> None:
    """Let kinds of this process reach these hosts and what lies below them; none named: any."""
    global _hosts  # noqa: PLW0603  one switch a process, thrown once
    _hosts = tuple(host.lower().strip().strip(".") for host in hosts)


def host_allowed(host: str) -> bool:
    name = host.lower().strip(".")
    return not _hosts or any(name == each or name.endswith(f".{each}") for each in _hosts)
