"""How long work waits after a fault at who had it.

For each lease held at the moment of the fault: seconds until the first of its subtasks is done, or
in another lease. It is read from Redis itself, fifty times a second; whose task ends meanwhile is
not counted.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict

import msgspec
import redis

from embedded.system import System
from tasks.queue.keys import base_key
from tests.support.worker import Event

LOOK_SECONDS = 0.02
LOOK_SECONDS_MAX = 60.0


class Recovery:
    def __init__(self, system: System) -> None:
        self.client = redis.Redis.from_url(system.redis_url)
        self.samples: dict[str, list[float]] = defaultdict(list)
        self.threads: list[threading.Thread] = []
        self.never = 0

    def watch(self, fault: str, held: list[Event]) -> None:
        """To be called right before the fault."""
        for event in held:
            with contextlib.suppress(redis.RedisError):
                lease, group = event.facts["lease"], event.facts["lease"].partition(":")[0]
                base = base_key(group)
                packed = self.client.hget(f"{base}:l:{lease}", "subtasks")
                if packed:
                    names = (
                        f"{base}:t:{event.facts['task']}",
                        lease,
                        [str(n) for n in msgspec.msgpack.decode(packed)],
                    )
                    thread = threading.Thread(
                        target=self._follow, args=(fault, *names), daemon=True
                    )
                    thread.start()
                    self.threads.append(thread)

    def _follow(self, fault: str, task: str, lease: str, subtasks: list[str]) -> None:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < LOOK_SECONDS_MAX:
            time.sleep(LOOK_SECONDS)
            with contextlib.suppress(redis.RedisError):
                if not self.client.exists(task):
                    return
                if self._goes_on(task, lease, subtasks):
                    self.samples[fault].append(waited)
                    return
        self.never += 1

    def _goes_on(self, task: str, lease: str, subtasks: list[str]) -> bool:
        with self.client.pipeline(transaction=True) as pipe:
            for subtask in subtasks[:50]:
                pipe.hexists(f"{task}:payloads", subtask)
                pipe.hget(f"{task}:held", subtask)
            found = pipe.execute()
        done = not all(found[::2])
        elsewhere = any(
            holders and set(holders.decode().split()) - {lease} for holders in found[1::2]
        )
        return done or elsewhere

    def finish(self) -> None:
        for thread in self.threads:
            thread.join(LOOK_SECONDS_MAX)
        self.client.close()
