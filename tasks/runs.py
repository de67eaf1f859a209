"""Indices of subtasks as runs: first, how many, first, how many, … Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain


def expanded(runs: Sequence[int]) -> list[int]:
    """The indices, in the order of the runs: [4, 2, 9, 1] are 4, 5 and 9."""
    pairs = zip(runs[::2], runs[1::2], strict=True)
    return list(chain.from_iterable(range(first, first + n) for first, n in pairs))
