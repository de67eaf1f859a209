"""A fix for kombu (5.7): a Celery worker that stops taking jobs after Redis was unreachable.

A job that ends while Redis is unreachable cannot be acknowledged. Kombu then counts its message as
unacknowledged forever. Once there are as many of these as the prefetch limit allows, one for each
thread, the consumer asks for no more messages. It then waits on no connection, does not notice that
the old one is gone, and takes no jobs until somebody restarts it.

We know of no issue of kombu's about this. https://github.com/celery/celery/issues/8091 describes
the same symptom.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from kombu.transport import virtual
from kombu.transport.redis import Channel, QoS


class Deliveries(QoS):
    """Counts a message as done even if Redis is away and keeps it.

    The message stays in Redis and is delivered again an hour later, which is harmless (see
    `tasks.jobs`).
    """

    def ack(self, delivery_tag: str) -> None:
        with self._making_room(delivery_tag):
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        with self._making_room(delivery_tag):
            super().reject(delivery_tag, requeue=requeue)

    @contextlib.contextmanager
    def _making_room(self, delivery_tag: str) -> Iterator[None]:
        try:
            yield
        except Exception:
            # The base class only counts, without Redis.
            virtual.QoS.ack(self, delivery_tag)
            raise


def use() -> None:
    """Have every channel to Redis that is opened from now on count this way."""
    Channel.QoS = Deliveries
