"""Writes: one module per use case, one function per thing that a person does."""

from accounts.services.blocking import block_user, unblock_user
from accounts.services.browser_sessions import close_browser_session, open_browser_session
from accounts.services.deletion import delete_account, remove_user
from accounts.services.devices import (
    ask_to_be_let_in,
    let_in,
    purge_device_requests,
    take,
    turn_away,
    waiting,
)
from accounts.services.email_addresses import change_email, confirm_email, send_confirmation
from accounts.services.login import check_credentials
from accounts.services.passwords import ask_password_reset, change_password, reset_password
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
from accounts.services.worker_tokens import create_worker_token, revoke_worker_token

__all__ = [
    "ask_password_reset",
    "ask_to_be_let_in",
    "block_user",
    "change_email",
    "change_password",
    "check_credentials",
    "close_browser_session",
    "confirm_email",
    "create_worker_token",
    "delete_account",
    "end_all_sessions",
    "end_session",
    "let_in",
    "log_out",
    "note_use",
    "open_browser_session",
    "open_session",
    "purge_device_requests",
    "purge_sessions",
    "refresh_session",
    "register",
    "remove_user",
    "reset_password",
    "revoke_worker_token",
    "send_confirmation",
    "sessions_of",
    "take",
    "turn_away",
    "unblock_user",
    "update_profile",
    "waiting",
]
