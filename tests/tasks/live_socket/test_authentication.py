"""From which pages a cookie opens a socket."""

from __future__ import annotations

import pytest

from tasks.live_socket.authentication import is_our_origin

TRUSTED = ["https://firmlight.example", "https://alias.example:8443"]


def headers(origin: bytes | None, host: bytes = b"internal:8000") -> list[tuple[bytes, bytes]]:
    found = [(b"host", host)]
    if origin is not None:
        found.append((b"origin", origin))
    return found


@pytest.mark.parametrize(
    "origin",
    [b"https://firmlight.example", b"https://alias.example:8443", b"http://internal:8000"],
)
def test_our_own_pages_may(origin: bytes) -> None:
    assert is_our_origin(headers(origin), TRUSTED)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"",
        b"null",
        b"https://evil.example",
        b"https://firmlight.example.evil.example",
        b"https://alias.example",
        b"https://evil.example/https://firmlight.example",
        b"https://firmlight.example@evil.example",
        b"https://evil.example:443\xff",
    ],
)
def test_other_pages_may_not(origin: bytes | None) -> None:
    assert not is_our_origin(headers(origin), TRUSTED)


def test_without_origin_and_host_nobody_may() -> None:
    assert not is_our_origin([], TRUSTED)
