"""What can go wrong with names, passwords and tokens."""

from core.errors import Conflict, FirmlightError, Invalid, TooMany, Unauthenticated


class BadCredentials(Unauthenticated):
    """Deliberately the same whether the account is missing, inactive or the password is wrong."""

    code = "bad_credentials"
    message = "User name, e-mail or password is wrong."


class BadToken(Unauthenticated):
    """The token is malformed, expired, of the wrong type, or its session has ended."""

    code = "token_not_valid"
    message = "The token is not valid any more. Log in again."


class TokenReused(Unauthenticated):
    """A spent refresh token came back: somebody has a copy, so its whole session has ended."""

    code = "token_reused"
    message = "This refresh token was used before; its session has been ended. Log in again."


class TooManyTokens(Conflict):
    """The user has as many living worker tokens as WORKER_TOKENS_PER_USER_MAX allows."""

    code = "too_many_tokens"


class TooManyAttempts(TooMany):
    """Too many wrong passwords for this account from this address, whether or not there is such an
    account.
    """

    code = "too_many_attempts"
    message = "Too many failed log-ins. Try again later."


class BadLink(FirmlightError):
    """A link of a letter that is not good any more: used, overdue, or not for this account as it is
    now.
    """

    code = "link_not_valid"
    message = "This link is not valid any more. Ask for a new one."


class WrongPassword(Invalid):
    """A deed that needs the password, and this was not it; `field` is where it was given."""

    def __init__(self, field: str = "password") -> None:
        super().__init__(fields={field: ["This is not your password."]})


# What a program hears that waits to be let in (RFC 8628, 3.5); the codes are the standard's


class AuthorizationPending(FirmlightError):
    """Nobody has answered yet: ask again after `interval`."""

    code, message = "authorization_pending", "Nobody has confirmed the code yet."


class SlowDown(FirmlightError):
    """It asks more often than `interval` says: five seconds more from now on."""

    code, message = "slow_down", "Ask less often."


class DeviceDenied(FirmlightError):
    """Somebody has looked at it and said no."""

    code, message = "access_denied", "The code was denied in the browser."


class DeviceExpired(FirmlightError):
    """Too late, taken already, or never asked."""

    code, message = "expired_token", "The code is not good any more. Start anew."


class NoSuchCode(FirmlightError):
    """What was typed is no code that waits for an answer."""

    code, message = (
        "no_such_code",
        "No machine waits with this code now. It may have expired: start it anew there.",
    )
