"""A Redis that was started writes its append-only file anew before anybody relies on it.

After a power cut the file may end amid a transaction. Redis drops that one, but leaves its
beginning in the file and writes on behind it: the next start but one carries it out after all,
joined with what came later, and results that nobody was told of count. Valkey mended it in August
2026 (https://github.com/valkey-io/valkey/pull/4342); a file that is written anew has nothing of it,
whatever the version.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import redis
from redis.exceptions import ResponseError

from core.redis import connect

NEVER = -1  # what Redis says of the duration of a rewrite that was not


def is_new(server: redis.Redis) -> bool:
    """Whether this server has written its file anew since it was started; if not, it is asked to.
    Raises RedisError.
    """
    facts = server.info("persistence")
    new = is_told_new(facts)
    if not (new or facts["loading"] or is_under_way(facts)):
        server.bgrewriteaof()
    return new


def is_told_new(facts: Mapping[str, Any]) -> bool:
    """By what INFO says; a server that keeps no such file has nothing to write anew.

    As long as a server loads its file it says that it keeps none.
    """
    keeps_one = facts["aof_enabled"] or facts["loading"]
    return not keeps_one or facts["aof_last_rewrite_time_sec"] != NEVER


def is_under_way(facts: Mapping[str, Any]) -> bool:
    return bool(facts["aof_rewrite_in_progress"] or facts["aof_rewrite_scheduled"])


def renew() -> None:
    """Ask each server of the queue that was started lately. Where others keep Redis we may not be
    allowed to.
    """
    for server in _servers(connect()):
        with contextlib.suppress(ResponseError):
            is_new(server)


def _servers(client: redis.Redis) -> list[redis.Redis]:
    if isinstance(client, redis.RedisCluster):
        return [client.get_redis_connection(node) for node in client.get_primaries()]
    return [client]
