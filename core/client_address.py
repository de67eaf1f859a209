"""Where a request comes from."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

ADDRESS_MAX = 45  # characters of an IPv6 address at its longest
NETWORK_BITS = (
    64  # of an IPv6 address: what one customer gets at the least, and may number as they like
)


def address_of(request: HttpRequest) -> str:
    """The client's IP address. Behind a proxy of ours (BEHIND_PROXY) it is the one that the proxy
    added last: what stands before it in the header is the client's own word.
    """
    return _told(request.META.get("HTTP_X_FORWARDED_FOR", ""), request.META.get("REMOTE_ADDR"))


def address_of_scope(scope: Any) -> str:
    """The same of an ASGI scope."""
    forwarded = _last(scope["headers"], b"x-forwarded-for") if settings.BEHIND_PROXY else ""
    return _told(forwarded, (scope.get("client") or ("",))[0])


def _told(forwarded: str, peer: str | None) -> str:
    forwarded = forwarded if settings.BEHIND_PROXY else ""
    return (forwarded.rpartition(",")[2].strip() or peer or "")[:ADDRESS_MAX]


def _last(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """Of several headers of a name the last, which the proxy added."""
    return next(
        (value.decode("latin-1") for key, value in reversed(list(headers)) if key == name), ""
    )


@lru_cache(4096)
def key_of(address: str) -> str:
    """What limits count under: an IPv4 address as it is, an IPv6 address by its /64, anything else
    as it is.
    """
    try:
        found = ip_address(address[:ADDRESS_MAX])
    except ValueError:
        return address[:ADDRESS_MAX]
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return (
        f"{IPv6Address(int(found) >> (128 - NETWORK_BITS) << (128 - NETWORK_BITS))}/{NETWORK_BITS}"
    )
