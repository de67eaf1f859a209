"""Where a request comes from."""

from django.conf import settings
from django.http import HttpRequest

ADDRESS_MAX = 45  # characters of an IPv6 address at its longest


def address_of(request: HttpRequest) -> str:
    """The client's IP address. Behind a proxy of ours (BEHIND_PROXY) it is the one that the proxy added last: what
    stands before it in the header is the client's own word.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_PROXY else ""
    return (forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR") or "")[:ADDRESS_MAX]
