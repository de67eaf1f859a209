"""The same surroundings as the client's tests: odd kinds, a home for every test, a server's side that does as told."""

from tests.client.conftest import _surroundings, peer, start_worker

__all__ = ["_surroundings", "peer", "start_worker"]
