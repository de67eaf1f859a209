"""Firmlight's worker, Python client and command line. It needs nothing of the server.

    from firmlight_client import Client

What stands here is what the client promises; all of it is read when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

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
        TaskCancelled,
        TaskEnded,
        TaskFailed,
    )
    from firmlight_client.kinds import Kind, ParamsError
    from firmlight_client.sdk.aio import AsyncClient, AsyncTask
    from firmlight_client.sdk.client import Client, Task
    from firmlight_client.sdk.executor import FirmlightExecutor

_HOMES = {
    "sdk.aio": ("AsyncClient", "AsyncTask"),
    "sdk.client": ("Client", "Task"),
    "errors": (
        *(
            "ApiError",
            "ConnectionFailed",
            "FirmlightClientError",
            "NotFound",
            "NotLoggedIn",
            "ResultExpired",
        ),
        *("ResultNotReady", "ResultTimeout", "TaskCancelled", "TaskEnded", "TaskFailed"),
    ),
    "sdk.executor": ("FirmlightExecutor",),
    "kinds": ("Kind", "ParamsError"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

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
    "Task",
    "TaskCancelled",
    "TaskEnded",
    "TaskFailed",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
