"""Who is alone may take all there is."""

from __future__ import annotations

from core.activity import HERE_SECONDS, Activity

LATER = HERE_SECONDS + 0.1


def test_nobody_else_was_ever_here() -> None:
    seen = Activity()
    assert seen.is_alone("ada", 0.0)
    seen.note("ada", 0.0)
    assert seen.is_alone("ada", 0.0)


def test_others_are_here_for_a_while() -> None:
    seen = Activity()
    seen.note("bob", 0.0)
    assert not seen.is_alone("ada", 0.5)
    assert seen.is_alone("ada", LATER)


def test_who_comes_again_and_again_does_not_hide_others() -> None:
    seen = Activity()
    seen.note("bob", 0.0)
    for _ in range(10):
        seen.note("ada", 0.1)
    assert not seen.is_alone("ada", 0.5)
    assert seen.is_alone("ada", LATER)
    assert not seen.is_alone("bob", 0.5)
