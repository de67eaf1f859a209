"""What Celery's consumer holds of the broker's messages, when the broker is Redis.

A job that ends while Redis is away cannot be acknowledged. Kombu (5.7) then counts its message as
held for ever: with as many of them as there are threads the consumer asks for no more, waits on no
connection, and does not even notice that the old one is gone. It lives and is deaf until somebody
starts it anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from kombu.transport import virtual
from kombu.transport.redis import Channel, QoS


class Deliveries(QoS):
    """A message whose end Redis could not be told of makes room for the next. It stays in Redis and
    comes again an hour later; that does no harm (see `tasks.jobs`).
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
            virtual.QoS.ack(self, delivery_tag)
            raise


def use() -> None:
    """Every channel to a Redis that is opened from now on counts so, whatever the broker's address
    says of it.
    """
    Channel.QoS = Deliveries
