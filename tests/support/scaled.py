"""The system with a second process of each sort: two web servers, six Celery workers, two beats,
one Redis.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

import httpx

from embedded import ports
from embedded.supervision import Part
from embedded.system import System, ask
from firmlight import processes


class ScaledOut(System):
    """`ports` are those of its web servers; a proxy in front of them is the caller's."""

    ports: tuple[int, ...] = ()

    def _parts(self) -> list[Part]:
        self.ports = (self.port, ports.free(self.host))
        first = super()._parts()
        return first + [self._second(part) for part in first]

    def _second(self, part: Part) -> Part:
        changes = {
            str(self.port): str(self.ports[1]),
            **{f"{name}@%h": f"{name}-2@%h" for name in processes.QUEUES},
        }
        return replace(
            part, name=f"{part.name}-2", command=[changes.get(word, word) for word in part.command]
        )

    def _web_answers(self) -> bool:
        return all(_answers(f"http://{self.host}:{port}/healthz") for port in self.ports)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return ask(url).status_code < 500
    return False
