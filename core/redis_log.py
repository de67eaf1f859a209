"""Have a Redis that was started rewrite its append-only file before anything relies on it.

After a power cut the file may end in the middle of a transaction. Redis drops that transaction at
the start, but leaves its beginning in the file and appends after it. The next start but one then
executes it after all, joined with what came later: results count that were never confirmed. Valkey
fixed this in August 2026 (https://github.com/valkey-io/valkey/pull/4342). A rewritten file does not
have the problem in any version.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import redis
from redis.exceptions import ResponseError

from core.redis import connect

NEVER = -1  # what Redis reports as the duration of the last rewrite if there was none


def ensure_rewritten(server: redis.Redis) -> bool:
    """Whether the server has rewritten its file since its start; if not, ask it to.

    Raises RedisError.
    """
    info = server.info("persistence")
    rewritten = is_rewritten(info)
    if not rewritten and not info["loading"] and not is_rewriting(info):
        server.bgrewriteaof()
    return rewritten


def is_rewritten(info: Mapping[str, Any]) -> bool:
    """By what INFO says; true for a server that keeps no such file."""
    # A server that is still loading its file says that it keeps none.
    keeps_file = info["aof_enabled"] or info["loading"]
    return not keeps_file or info["aof_last_rewrite_time_sec"] != NEVER


def is_rewriting(info: Mapping[str, Any]) -> bool:
    return bool(info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])


def rewrite_where_needed() -> None:
    """Ask each server of the queue that has not rewritten its file since its start.

    A hosted Redis may not allow that.
    """
    for server in _servers(connect()):
        with contextlib.suppress(ResponseError):
            ensure_rewritten(server)


def _servers(client: redis.Redis) -> list[redis.Redis]:
    if isinstance(client, redis.RedisCluster):
        return [client.get_redis_connection(node) for node in client.get_primaries()]
    return [client]
