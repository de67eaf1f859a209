"""The server's address in its forms."""

from __future__ import annotations

import ipaddress
from typing import Literal
from urllib.parse import urlsplit, urlunsplit


class BadAddress(ValueError):
    """No address of a server; the message says why."""


def server_url(text: str) -> str:
    """`https://example.org` of whatever a person types. Raises BadAddress."""
    url = text.strip().rstrip("/")
    parts = urlsplit(url if "://" in url else f"https://{url}")
    try:
        usable = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and (parts.port is None or parts.port)
        )
    except ValueError:
        usable = False
    if not usable or parts.username or parts.query or parts.fragment:
        raise BadAddress(f"{text!r} is no address of a server; it looks like https://example.org")
    return urlunsplit(parts)


def websocket_url(url: str, path: str) -> str:
    """http -> ws, https -> wss."""
    return f"ws{url.removeprefix('http').rstrip('/')}{path}"


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(url: str) -> Literal[True] | None:
    """For websockets: the user's own proxy settings, but never for this very machine."""
    return None if is_loopback(url) else True
