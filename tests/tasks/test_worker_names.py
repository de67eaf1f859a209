"""When two names of workers are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.worker_names import canonical, comparison_key


@pytest.mark.parametrize(
    "other",
    [
        "my  tower",
        " my tower",
        "my tower ",
        "My Tower",
        "MY\tTOWER",
        "my\u00a0tower",
        "my\u3000tower",
        "\uff4d\uff59 tower",  # wide letters
        "my tow\u200ber",  # a blank without width
        "my \u202etower",  # written from right to left
        "my tower\ufe0f",  # variation selectors
        "m\ufe00y tower\U000e0100",
        "my tower\u2800",  # the blank of Braille
        "my\u2800tower",
        "my tower\u3164",  # fillers
        "my\u115f tower\u1160",
        "my tow\u034fer",  # joins nothing that is seen
        "my tower\U0001d159",
    ],
)
def test_names_that_are_the_same_to_people(other: str) -> None:
    assert comparison_key(other) == comparison_key("my tower")


@pytest.mark.parametrize("other", ["mytower", "my tower 2", "my-tower", "mein Turm"])
def test_names_that_are_not(other: str) -> None:
    assert comparison_key(other) != comparison_key("my tower")


def test_a_name_is_kept_as_it_is_written_but_for_its_blanks() -> None:
    assert canonical("  Ännes   Straße\t2 ") == "Ännes Straße 2"


@given(st.text(max_size=64))
def test_a_canonical_name_and_its_key_stay_as_they_are(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)
    assert comparison_key(canonical(name)) == comparison_key(name)
