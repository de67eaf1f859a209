"""How full Redis is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import RedisCluster

from core import redis


@dataclass(frozen=True)
class Memory:
    """Bytes that Redis uses, and that it may use (`maxmemory`); 0: as many as there are."""

    used: int
    most: int

    def free_below(self, percent: float) -> int | None:
        """The bytes left below this share of maxmemory, negative beyond it; None: no limit."""
        return int(self.most * percent / 100) - self.used if self.most else None


def look() -> Memory:
    """Ask Redis now. Of a cluster the fullest node counts."""
    client = redis.connect()
    if isinstance(client, RedisCluster):
        answers: Any = client.info("memory", target_nodes=RedisCluster.PRIMARIES)
        # With one node the library returns its answer alone.
        nodes = [answers] if "used_memory" in answers else list(answers.values())
        return max(map(_memory, nodes), key=_fullness)
    found: Any = client.info("memory")
    return _memory(found)


def _memory(found: dict[str, Any]) -> Memory:
    return Memory(used=int(found["used_memory"]), most=int(found.get("maxmemory", 0)))


def _fullness(memory: Memory) -> float:
    return memory.used / memory.most if memory.most else 0.0
