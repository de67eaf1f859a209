"""Runs of indices."""

from __future__ import annotations

import pytest

from tasks.runs import expanded


def test_runs_are_the_indices_in_their_order() -> None:
    assert expanded([4, 2, 9, 1, 0, 2]) == [4, 5, 9, 0, 1]
    assert expanded([]) == []


def test_half_a_run_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        expanded([4, 2, 9])
