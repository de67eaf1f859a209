"""The one way to Redis: one pooled client a process for blocking code, one for the event loop."""

import asyncio
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

# A restart of Redis takes a second or two, loading its append-only file included. Everything we send is safe to
# send twice (scripts refuse what is done already), so the clients wait it out (5 s) instead of failing.
RETRIES = 9
LOST = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, redis.exceptions.BusyLoadingError)
REPLY_SECONDS_MAX = 30.0

_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()


def _backoff() -> ExponentialBackoff:
    return ExponentialBackoff(cap=1.0, base=0.05)


def patience() -> dict[str, Any]:
    """Options of a blocking connection that waits out a restart; the cache's have them too."""
    return {
        "socket_timeout": REPLY_SECONDS_MAX,
        "retry": Retry(_backoff(), RETRIES),
        "retry_on_error": list(LOST),
    }


def patience_async() -> dict[str, Any]:
    """Options of a connection on an event loop that waits out a restart; the channel layer's have them too."""
    return {
        "socket_timeout": REPLY_SECONDS_MAX,
        "retry": AsyncRetry(_backoff(), RETRIES),
        "retry_on_error": list(LOST),
    }


@cache
def connect() -> redis.Redis:
    """The client of this process for blocking code; thread-safe. Replies are bytes."""
    return redis.Redis.from_url(settings.REDIS_URL, **patience())


def connect_async() -> redis.asyncio.Redis:
    """The client of the running event loop (a connection belongs to the loop that opened it)."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop[loop] = redis.asyncio.Redis.from_url(settings.REDIS_URL, **patience_async())
    return _by_loop[loop]
