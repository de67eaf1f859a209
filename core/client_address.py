"""The IP address that a request comes from."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

ADDRESS_MAX = 45  # characters of an IPv6 address at its longest
# One customer gets at least a /64 of IPv6, and may use all of its addresses.
NETWORK_BITS = 64


def address_of(request: HttpRequest) -> str:
    """The client's IP address.

    Behind our own proxy (BEHIND_PROXY) it is the last one of the header, which the proxy added. The
    client may have written what comes before.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return _client_address(forwarded, request.META.get("REMOTE_ADDR"))


def address_of_scope(scope: Any) -> str:
    """The same for an ASGI scope."""
    forwarded = _last(scope["headers"], b"x-forwarded-for") if settings.BEHIND_PROXY else ""
    peer = scope.get("client") or ("",)
    return _client_address(forwarded, peer[0])


def _client_address(forwarded: str, peer: str | None) -> str:
    """`forwarded`: the header X-Forwarded-For; `peer`: the other end of the connection."""
    address = peer or ""
    if settings.BEHIND_PROXY:
        address = forwarded.rpartition(",")[2].strip() or address
    return address[:ADDRESS_MAX]


def _last(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The last header with this name, which the proxy added; "" if there is none."""
    for key, value in reversed(list(headers)):
        if key == name:
            return value.decode("latin-1")
    return ""


@lru_cache(4096)
def key_of(address: str) -> str:
    """The key that limits count under: of an IPv6 address its /64, anything else as it is."""
    try:
        found = ip_address(address[:ADDRESS_MAX])
    except ValueError:
        return address[:ADDRESS_MAX]
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), NETWORK_BITS), strict=False))
