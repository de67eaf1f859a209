"""Writes: one module for each noun, one function for each use case."""

from accounts.services.blocking import block_user, unblock_user
from accounts.services.browser_sessions import close_browser_session, open_browser_session
from accounts.services.deletion import delete_account, remove_user
from accounts.services.devices import (
    approve_device,
    claim_device_tokens,
    deny_device,
    pending_device_request,
    purge_device_requests,
    request_device_access,
)
from accounts.services.email_addresses import (
    change_email,
    confirm_email,
    send_confirmation,
    tokens_at_confirmation,
)
from accounts.services.login import check_credentials
from accounts.services.passwords import (
    ask_password_reset,
    change_password,
    reset_password,
    tokens_at_reset,
)
from accounts.services.profile import update_profile
from accounts.services.registration import register
from accounts.services.sessions import (
    end_all_sessions,
    end_session,
    log_out,
    note_use,
    open_session,
    purge_sessions,
    refresh_session,
    sessions_of,
)
from accounts.services.worker_tokens import (
    create_worker_token,
    purge_worker_tokens,
    revoke_worker_token,
)

__all__ = [
    "approve_device",
    "ask_password_reset",
    "block_user",
    "change_email",
    "change_password",
    "check_credentials",
    "claim_device_tokens",
    "close_browser_session",
    "confirm_email",
    "create_worker_token",
    "delete_account",
    "deny_device",
    "end_all_sessions",
    "end_session",
    "log_out",
    "note_use",
    "open_browser_session",
    "open_session",
    "pending_device_request",
    "purge_device_requests",
    "purge_sessions",
    "purge_worker_tokens",
    "refresh_session",
    "register",
    "remove_user",
    "request_device_access",
    "reset_password",
    "revoke_worker_token",
    "send_confirmation",
    "sessions_of",
    "tokens_at_confirmation",
    "tokens_at_reset",
    "unblock_user",
    "update_profile",
]
