"""Log in with a code that the user confirms in a browser (RFC 8628); no password is typed here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from firmlight_client.errors import ApiError, ConnectionFailed, FirmlightClientError
from firmlight_client.tokens import MemoryTokens, Pair
from firmlight_client.transport import Transport

SLOWER_SECONDS = 5.0  # RFC 8628, 3.5


class Code(msgspec.Struct):
    """What the user is shown, and how long it is valid (seconds)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: float
    interval: float


class DeviceGrant(msgspec.Struct):
    """What a confirmed code brings. A machine that only works gets no `access` and `refresh`."""

    username: str
    worker_token: str
    worker_token_id: str
    access: str | None
    refresh: str | None


def request_grant(url: str, name: str, scope: str, show: Callable[[Code], None]) -> DeviceGrant:
    """Ask the server, show the code, wait for the answer.

    Raises ApiError and FirmlightClientError.
    """
    transport = Transport(url, MemoryTokens(Pair()))
    try:
        answer = transport.post("auth/device/", json={"name": name, "scope": scope})
        code = msgspec.convert(answer, Code)
        show(code)
        return _wait(transport, code)
    finally:
        transport.close()


def _wait(transport: Transport, code: Code) -> DeviceGrant:
    end, pause = time.monotonic() + code.expires_in, code.interval
    while time.monotonic() < end:
        time.sleep(pause)
        try:
            return _read(
                transport.post("auth/device/token/", json={"device_code": code.device_code})
            )
        except ConnectionFailed:
            continue  # the server may come back while the code is good
        except ApiError as error:
            if error.code in ("slow_down", "throttled"):
                pause += SLOWER_SECONDS
            elif error.code != "authorization_pending":
                raise
    raise FirmlightClientError("Nobody has confirmed the code in time. Start again.")


def _read(body: dict[str, Any]) -> DeviceGrant:
    return DeviceGrant(
        username=body["user"]["username"],
        worker_token=body["worker_token"],
        worker_token_id=str(body["worker_token_id"]),
        access=body["access"],
        refresh=body["refresh"],
    )
