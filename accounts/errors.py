"""What can go wrong with names, passwords and tokens."""

from firmlight.errors import Conflict, Unauthenticated


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
