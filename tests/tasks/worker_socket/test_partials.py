"""Partials too large for the event loop: a child process checks them, and may die of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from firmlight_client import kinds
from tasks.kind_processes.outcomes import Crashed, KindFault, TimedOut
from tasks.worker_socket import partials
from tasks.worker_socket.partials import NotChecked, flaw_in

MEAN = f"MEAN@{kinds.get('MEAN').version}"


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Callable[..., None]]:
    """checked(e, ...): these happen one after the other when a partial is checked; None: all is
    well.
    """
    settings.PARTIAL_INLINE_BYTES_MAX = 0

    def install(*ends: KindFault | None) -> None:
        coming = list(ends)

        async def check(*_: Any) -> None:
            if (end := coming.pop(0)) is not None:
                raise end

        monkeypatch.setattr(partials.calls, "check_partial", check)

    partials._crashes.clear()
    yield install
    partials._crashes.clear()


def visit(partial: bytes = b"x" * 9, owner: str = "alice") -> str:
    """What comes of it when the worker sends this partial."""
    try:
        flaw = asyncio.run(flaw_in(partial, MEAN, owner))
    except NotChecked:
        return "comes back"
    return flaw.reason if flaw else "fine"


def test_a_process_that_dies_once_is_no_fault_of_the_partial(checked: Callable[..., None]) -> None:
    checked(Crashed("killed"), None)
    assert visit() == "fine"


def test_a_partial_that_kills_the_process_each_time_does_not_come_back_for_ever(
    checked: Callable[..., None],
) -> None:
    checked(*[Crashed("killed")] * 8)
    assert [visit() for _ in range(3)] == ["comes back", "comes back", "bad_partial"]
    assert visit(owner="bob") == "comes back"


def test_a_busy_machine_is_no_fault_of_the_partial(checked: Callable[..., None]) -> None:
    checked(*[TimedOut("too slow", lasting=False)] * 20)
    assert {visit() for _ in range(10)} == {"comes back"}
