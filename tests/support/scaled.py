"""The system with a second process of each sort: two web servers, four Celery workers, two beats, one Redis."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import httpx

from firmlight.embedded import ports
from firmlight.embedded.supervision import Part
from firmlight.embedded.system import System


class ScaledOut(System):
    """`ports` are those of its web servers; a proxy in front of them is the caller's."""

    ports: tuple[int, ...] = ()

    def _parts(self) -> list[Part]:
        self.ports = (self.port, ports.free(self.host))
        parts = super()._parts()
        return parts + [self._second(part) for part in parts]

    def _second(self, part: Part) -> Part:
        changes = {str(self.port): str(self.ports[1]), "short@%h": "short-2@%h", "long@%h": "long-2@%h"}
        return replace(part, name=f"{part.name}-2", command=[changes.get(word, word) for word in part.command])

    def _web_answers(self) -> bool:
        return all(_answers(f"http://{self.host}:{port}/healthz") for port in self.ports)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False, timeout=5).status_code < 500
    return False
