"""Read settings from the environment; an error names the bad one."""

import environ
from django.core.exceptions import ImproperlyConfigured

from core import redis

env = environ.Env()


def number(name: str, default: float, least: float = 0) -> float:
    """A number of at least `least`. environ's own cast would read "0.5s" as 0.5."""
    text = env.str(name, str(default))
    try:
        value = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {text!r}") from None
    if not least <= value < float("inf"):
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {text}")
    return value


def whole(name: str, default: int, least: int = 0) -> int:
    text = env.str(name, str(default))
    try:
        value = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}") from None
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {value}")
    return value


def beside(name: str, redis_url: str, database: int) -> str:
    """The URL in this setting, or another database of the same Redis server.

    A cluster has only one database, so there the setting is required.
    """
    if redis.is_cluster(redis_url) and name not in env.ENVIRON:
        raise ImproperlyConfigured(
            f"{name} must name a Redis server of its own: REDIS_URL is a cluster"
        )
    return env.str(name, f"{redis_url.rstrip('/')}/{database}")
