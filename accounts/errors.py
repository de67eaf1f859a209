"""Errors about names, passwords and tokens."""

from core.errors import Conflict, FirmlightError, Invalid, TooMany, Unauthenticated


class BadCredentials(Unauthenticated):
    """The same whether the account is missing or inactive or the password is wrong, on purpose."""

    code = "bad_credentials"
    message = "User name, e-mail or password is wrong."


class BadToken(Unauthenticated):
    """The token is malformed, expired, of the wrong type, or its session has ended."""

    code = "token_not_valid"
    message = "The token is no longer valid. Log in again."


class TokenReused(Unauthenticated):
    """A refresh token was used twice: somebody has a copy, so its whole session has ended."""

    code = "token_reused"
    message = "This refresh token was used before, so its session has ended. Log in again."


class TooManyTokens(Conflict):
    """The user has as many valid worker tokens as WORKER_TOKENS_PER_USER_MAX allows."""

    code = "too_many_tokens"


class TooManyTokensToday(TooMany):
    """The user has made WORKER_TOKENS_PER_DAY_MAX tokens today, those revoked since included."""

    code = "too_many_tokens_today"
    message = "You have made as many worker tokens as one user may in a day. Go on tomorrow."


class TooManyLogins(TooMany):
    """The user has logged in LOGINS_PER_DAY_MAX times today."""

    code = "too_many_logins"
    message = "This account was logged in too often today. Go on tomorrow."


class TooManyAttempts(TooMany):
    """Too many wrong passwords for one account from one address.

    The answer is the same whether or not the account exists.
    """

    code = "too_many_attempts"
    message = "Too many failed log-ins. Try again later."


class BadLink(FirmlightError):
    """The link of an e-mail is used, expired, or was made before the account changed."""

    code = "link_not_valid"
    message = "This link is no longer valid. Ask for a new one."


class AddressTaken(Invalid):
    """Another account has confirmed the address. Only its owner, who follows a link, sees this."""

    def __init__(self) -> None:
        text = "Another account of yours has confirmed this address already. Log in with that one."
        super().__init__(fields={"email": [text]})


class WrongPassword(Invalid):
    """The request needs the user's password, and `field` holds another one."""

    def __init__(self, field: str = "password") -> None:
        super().__init__(fields={field: ["This is not your password."]})


# Answers to a program that waits for approval. RFC 8628, 3.5, defines the codes.


class AuthorizationPending(FirmlightError):
    """Nobody has answered yet. The program asks again after `interval`."""

    code, message = "authorization_pending", "Nobody has confirmed the code yet."


class SlowDown(FirmlightError):
    """The program asks more often than `interval` says. It adds five seconds from now on."""

    code, message = "slow_down", "Ask less often."


class DeviceDenied(FirmlightError):
    """The request was denied, or the user who approved it has ended all access since."""

    code, message = "access_denied", "The code was denied in the browser. Start again."


class DeviceExpired(FirmlightError):
    """The request has expired, its tokens were claimed already, or there never was one."""

    code, message = "expired_token", "The code is no longer valid. Start again."


class NoSuchCode(FirmlightError):
    """No pending request has the code that was typed."""

    code, message = (
        "no_such_code",
        "No machine waits with this code. It may have expired: start again on that machine.",
    )
