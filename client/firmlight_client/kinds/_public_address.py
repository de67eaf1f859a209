"""Which addresses a kind may reach: public ones, on the ports of the web."""

from __future__ import annotations

import ipaddress
import socket

from firmlight_client import network

PUBLIC_PORTS = (80, 443)
NAME_CHARS_MAX = 100  # of a host, in a reason
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Failed(Exception):
    """This URL gave no page; the text says why."""


class Refused(Failed):
    """This URL must not be requested."""


class Unreachable(Failed):
    """There is no answer, or none in HTTP."""


def is_public(address: str) -> bool:
    """Whether an IP address is globally reachable.

    Of a mapped, 6to4 or NAT64 address it is the IPv4 address inside that counts.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    inner = ip.ipv4_mapped or ip.sixtofour
    if ip in _NAT64:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(str(inner))
    return ip in _GLOBAL_UNICAST and ip.is_global  # outside 2000::/3 `is_global` lets too much pass


def checked_addresses(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of a host, all of them public unless `private`.

    Raises Refused or Unreachable.
    """
    name = host if len(host) <= NAME_CHARS_MAX else f"{host[:NAME_CHARS_MAX]}…"
    if not network.host_allowed(host):
        raise Refused(f"{name} is none of the hosts that the owner of this worker lets tasks reach")
    if not private and port not in PUBLIC_PORTS:
        raise Refused(f"port {port} is not allowed, only 80 and 443")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM) if _is_name(host) else []
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise Unreachable(f"the name {name} cannot be resolved")
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not private and not is_public(address):
            raise Refused(f"{name} has the address {address}, which is not public")
    return addresses


def _is_name(host: str) -> bool:
    """Whether a host can be looked up (RFC 1035, 2.3.4).

    TLS and the resolver raise for a label that is empty or too long.
    """
    return all(0 < len(label) < 64 for label in host.removesuffix(".").split("."))
