"""What a slot's sandbox keeps out, as the slot reports it to its worker."""

from __future__ import annotations

import msgspec


class Fence(msgspec.Struct, frozen=True):
    """What is missing, in words for people; "" where nothing is.

    `files`: the slot sees only the system's programs, Python and its own folder, and writes only
    there. `network`: a kind that needs no network has none. `closes_network`: whether a process of
    such a kind has less of it than others, so that the two cannot take turns in one process.
    """

    files: str = ""
    network: str = ""
    closes_network: bool = True

    @property
    def is_whole(self) -> bool:
        return not (self.files or self.network)
