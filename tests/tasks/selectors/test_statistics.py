"""Counts over many tasks."""

from __future__ import annotations

from tasks.selectors import statistics


def test_an_hour_without_work_is_sixty_zeros():
    assert statistics.pace(60) == [0] * 60
