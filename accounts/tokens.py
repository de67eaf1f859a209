"""The form of tokens: the two JWTs of a log-in session, and worker tokens. Uses no database."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.errors import BadToken
from accounts.models import User

WORKER_PREFIX = "flw_"
SESSION_CLAIM = "sid"


@dataclass(frozen=True)
class Pair:
    """The two tokens of a log-in or refresh, and what the Session row keeps of them."""

    access: str
    refresh: str
    jti: str
    expires: datetime


def mint(user: User, session_id: UUID) -> Pair:
    """A new refresh token and a new access token for this session."""
    refresh = RefreshToken.for_user(user)
    refresh[SESSION_CLAIM] = str(session_id)
    expires = datetime.fromtimestamp(refresh["exp"], tz=UTC)
    return Pair(str(refresh.access_token), str(refresh), refresh["jti"], expires)


def read_refresh(text: str) -> tuple[UUID, str]:
    """The session and the `jti` that a refresh token names. Raises BadToken."""
    try:
        token = RefreshToken(text)  # type: ignore[arg-type]  # it decodes text; its stub lacks that
    except TokenError:
        raise BadToken from None
    session_id = session_named(token)
    if session_id is None:
        raise BadToken
    return session_id, str(token["jti"])


def read_access(text: str) -> UUID | None:
    """The session that an access token names; None if the token is not valid."""
    try:
        return session_named(AccessToken(text))  # type: ignore[arg-type]
    except TokenError:
        return None


def session_named(token: Token) -> UUID | None:
    """The `sid` of a verified token."""
    try:
        return UUID(token.get(SESSION_CLAIM, ""))
    except (ValueError, TypeError, AttributeError):
        return None


def new_worker_token() -> str:
    """256 random bits as text: `flw_` and 43 characters."""
    return WORKER_PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """The form in which a worker token or a device code is stored.

    An unsalted, fast hash is enough: nobody can guess 256 random bits.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
