"""What this machine's owner lets kinds reach: public addresses, private ones too, or a few hosts.

It holds for one process: a worker's slot sets it when it starts.
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
    """Let kinds of this process reach these hosts and their subdomains only; none named: any."""
    global _hosts  # noqa: PLW0603  one switch a process, thrown once
    _hosts = tuple(_ascii(host.strip()).lower().strip(".") for host in hosts)


def host_allowed(host: str) -> bool:
    name = host.lower().strip(".")
    return not _hosts or any(name == each or name.endswith(f".{each}") for each in _hosts)


def _ascii(host: str) -> str:
    """A host's name as addresses have it: `müller.example` as `xn--mller-kva.example`."""
    if host.isascii():
        return host
    import ada_url  # in the crawler's slots only

    try:
        return ada_url.idna_to_ascii(host).decode() or host
    except ValueError:
        return host
