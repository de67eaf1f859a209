"""Scripts in Redis, which take memory: a test that counts bytes must not count them."""

from __future__ import annotations

from core import redis
from tasks.queue import scripts


def load_all() -> None:
    """Load every script of the queue, as a system that has run for a while has."""
    for file in scripts.LUA.glob("[!_]*.lua"):
        redis.connect().script_load(scripts.load(file.stem).text)
