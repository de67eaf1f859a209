"""How the REST API knows who asks: by an access token whose session has not ended."""

from typing import Any
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from accounts import selectors, services, tokens
from accounts.models import User
from accounts.services.browser_sessions import browser_session


class AccessTokenAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token>`; one query.

    Logging out ends the token immediately, whatever its expiry says. Errors here are DRF's own, not
    FirmlightErrors: its browsable pages ask for the user again while they show the error, and only
    after an APIException do they take the user for anonymous.
    """

    def get_validated_token(self, raw_token: bytes) -> Token:
        if raw_token.startswith(tokens.WORKER_PREFIX.encode()):
            raise InvalidToken("A worker token permits nothing but work.")
        return super().get_validated_token(raw_token)

    # Ours is the one user model.
    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        session_id = tokens.session_named(validated_token)
        bearer = selectors.session_bearer(session_id) if session_id else None
        if bearer is None:
            raise InvalidToken("This session has ended. Log in again.")
        services.note_use(bearer)
        return bearer.user


def user_of(request: Request) -> User:
    """The user who asks. The default permission, IsAuthenticated, has refused everybody else."""
    assert isinstance(request.user, User)
    return request.user


def session_of(request: Request) -> UUID | None:
    """The id of the session behind this request, of its access token or its cookie."""
    if isinstance(request.auth, Token):
        return tokens.session_named(request.auth)
    return browser_session(request._request)


class AccessTokenScheme(OpenApiAuthenticationExtension):
    """How drf-spectacular describes it."""

    target_class = AccessTokenAuthentication
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
