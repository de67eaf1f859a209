"""Another token when the server no longer takes the one that the worker came with.

The log-in of this machine is shared by every process: somebody may have logged in again meanwhile,
or the command line may have renewed it. Who needs a fresh access token renews it for all, under the
lock of the file.
"""

from __future__ import annotations

import os

from firmlight_client.auth.session import login_file
from firmlight_client.auth.tokens import FileTokens


def another_token(url: str, stale: str) -> str:
    """A token for this server other than `stale`; "" if there is none. Raises ConnectionFailed."""
    if os.environ.get("FIRMLIGHT_TOKEN"):
        return ""
    login = login_file().load()
    kept = login.worker_token or login.access
    if login.url != url or not kept:
        return ""
    if kept != stale:
        return kept
    return "" if login.worker_token else _renewed(url, stale)


def _renewed(url: str, stale: str) -> str:
    from firmlight_client.transport import Transport

    transport = Transport(url, FileTokens(login_file()))
    try:
        return transport.renew(stale)
    finally:
        transport.close()
