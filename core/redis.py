"""The clients for Redis: in each process one for blocking code, and one for each event loop.

REDIS_URL may name a node of a Redis Cluster (`redis+cluster://`). All keys of a group lie in one
slot of the cluster.
"""

import asyncio
from functools import cache
from typing import Any, cast
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

# A restart of Redis takes a second or two, loading its append-only file included. Everything we
# send is safe to send twice (scripts refuse what is done already), so the clients wait it out (5 s)
# instead of failing.
RETRIES = 9
LOST = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
)
REPLY_SECONDS_MAX = 30.0
CLUSTER = "+cluster"  # in the scheme of an address
OLDEST = (6, 2)  # LMOVE, ZADD GT and `set-proc-title`

_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()


def _backoff() -> ExponentialBackoff:
    return ExponentialBackoff(cap=1.0, base=0.05)


def patience() -> dict[str, Any]:
    """Options of a blocking connection that survives a restart of Redis; also for the cache."""
    return {
        "socket_timeout": REPLY_SECONDS_MAX,
        "retry": Retry(_backoff(), RETRIES),
        "retry_on_error": list(LOST),
    }


def patience_async() -> dict[str, Any]:
    """The same for a connection on an event loop; also for the channel layer."""
    return {
        "socket_timeout": REPLY_SECONDS_MAX,
        "retry": AsyncRetry(_backoff(), RETRIES),
        "retry_on_error": list(LOST),
    }


def is_cluster(url: str) -> bool:
    return url.partition("://")[0].endswith(CLUSTER)


@cache
def connect() -> redis.Redis:
    """The client of this process for blocking code; thread-safe. Replies are bytes."""
    url = settings.REDIS_URL
    if is_cluster(url):  # the commands we use are the same
        return cast(
            redis.Redis, redis.RedisCluster.from_url(url.replace(CLUSTER, "", 1), **patience())
        )
    return redis.Redis.from_pool(
        redis.BlockingConnectionPool.from_url(url, **_room(), **patience())
    )


@cache
def impatient(url: str, seconds: float) -> redis.Redis:
    """A client for checks: it does not retry, and waits at most this long for an answer."""
    waits: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
    }
    if is_cluster(url):
        return cast(redis.Redis, redis.RedisCluster.from_url(url.replace(CLUSTER, "", 1), **waits))
    return redis.Redis.from_url(url, **waits)


def connect_async() -> redis.asyncio.Redis:
    """The client of the running event loop; a connection belongs to the loop that opened it."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop[loop] = _new_async(settings.REDIS_URL)
    return _by_loop[loop]


def _new_async(url: str) -> redis.asyncio.Redis:
    if is_cluster(url):
        cluster = redis.asyncio.RedisCluster.from_url(
            url.replace(CLUSTER, "", 1), **patience_async()
        )
        return cast(redis.asyncio.Redis, cluster)
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, **_room(), **patience_async())
    return redis.asyncio.Redis.from_pool(pool)


def _room() -> dict[str, Any]:
    """Options of a pool in which a caller waits for a free connection.

    The default pool raises instead: if the heartbeats of thousands of workers came at the same
    time, they would all be disconnected.
    """
    return {"max_connections": settings.REDIS_CONNECTIONS_MAX, "timeout": REPLY_SECONDS_MAX}


def now_ms() -> int:
    """The time by the server's clock, ms since the epoch; of a cluster by that of one node."""
    answer: Any = connect().time()
    seconds, micros = answer
    return seconds * 1000 + micros // 1000
