"""ECHO without proof: nothing but computing it again tells whether a partial of it is right.

A folder on PYTHONPATH with a dist-info is an installed package.
"""

from collections.abc import Sequence
from typing import Any

from firmlight_echo import Echo, EchoParams


class Unproved(Echo):
    name, title, version = "UNPROVED", "Echo that proves nothing (for benchmarks)", "1"
    proves = False

    def check(
        self,
        partial: Any,
        subtasks: Sequence[int],
        payloads: Sequence[Any] | None,
        params: EchoParams,
    ) -> None:
        """Nothing."""
