"""Another token when the server no longer takes the one that the worker came with.

All processes of this machine share its log-in. Another one may have logged in again or renewed the
access token meanwhile; if not, it is renewed here, for all of them, under the lock of the file.
"""

from __future__ import annotations

import os

from firmlight_client.auth.login_file import FileTokens
from firmlight_client.auth.session import login_file


def another_token(url: str, stale: str) -> str:
    """A token for this server other than `stale`; "" if there is none. Raises ConnectionFailed."""
    if os.environ.get("FIRMLIGHT_TOKEN"):
        return ""  # it came from the environment, and nothing here can replace it
    login = login_file().load()
    kept = login.worker_token or login.access
    if login.url != url or not kept:
        return ""
    if kept != stale:
        return kept
    if login.worker_token:
        return ""  # a worker token cannot be renewed
    return _renewed(url, stale)


def _renewed(url: str, stale: str) -> str:
    from firmlight_client.transport import Transport

    transport = Transport(url, FileTokens(login_file()))
    try:
        return transport.renew(stale)
    finally:
        transport.close()
