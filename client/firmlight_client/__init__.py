"""Firmlight's worker, Python client and command line. It needs nothing of the server.

    from firmlight_client import Client

The names in `__all__` are what the client promises. Each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmlight_client.errors import (
        ApiError,
        ConnectionFailed,
        FirmlightClientError,
        NotFound,
        NotLoggedIn,
        ResultExpired,
        ResultNotReady,
        ResultTimeout,
        ResultWithdrawn,
        TaskCancelled,
        TaskEnded,
        TaskFailed,
    )
    from firmlight_client.kinds import Kind, ParamsError
    from firmlight_client.sdk.aio import AsyncClient, AsyncTask
    from firmlight_client.sdk.client import Client, Task
    from firmlight_client.sdk.executor import FirmlightExecutor
    from firmlight_client.sdk.verification import Verification
    from firmlight_client.version import __version__

_MODULE_OF = {
    "ApiError": "errors",
    "AsyncClient": "sdk.aio",
    "AsyncTask": "sdk.aio",
    "Client": "sdk.client",
    "ConnectionFailed": "errors",
    "FirmlightClientError": "errors",
    "FirmlightExecutor": "sdk.executor",
    "Kind": "kinds",
    "NotFound": "errors",
    "NotLoggedIn": "errors",
    "ParamsError": "kinds",
    "ResultExpired": "errors",
    "ResultNotReady": "errors",
    "ResultTimeout": "errors",
    "ResultWithdrawn": "errors",
    "Task": "sdk.client",
    "TaskCancelled": "errors",
    "TaskEnded": "errors",
    "TaskFailed": "errors",
    "Verification": "sdk.verification",
    "__version__": "version",
}

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncTask",
    "Client",
    "ConnectionFailed",
    "FirmlightClientError",
    "FirmlightExecutor",
    "Kind",
    "NotFound",
    "NotLoggedIn",
    "ParamsError",
    "ResultExpired",
    "ResultNotReady",
    "ResultTimeout",
    "ResultWithdrawn",
    "Task",
    "TaskCancelled",
    "TaskEnded",
    "TaskFailed",
    "Verification",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
