"""What can go wrong with names, passwords and tokens."""

from firmlight.errors import Conflict, FirmlightError, Invalid, TooMany, Unauthenticated


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
    """Too many wrong passwords for this account from this address, whether or not there is such an account."""

    code = "too_many_attempts"
    message = "Too many failed log-ins. Try again later."


class BadLink(FirmlightError):
    """A link of a letter that is not good any more: used, overdue, or not for this account as it is now."""

    code = "link_not_valid"
    message = "This link is not valid any more. Ask for a new one."


class WrongPassword(Invalid):
    """A deed that needs the password, and this was not it; `field` is where it was given."""

    def __init__(self, field: str = "password") -> None:
        super().__init__(fields={field: ["This is not your password."]})
