"""Filters that draw small things inside a line of text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tasks.pages.results.factors import Number
from tasks.templatetags.task_tags import digits, marked


def test_a_long_number_may_break_between_its_groups_of_digits():
    assert digits(Number("1234567")) == (
        '<span class="digits"><span>1</span><wbr><span>234</span><wbr><span>567</span></span>'
    )


def test_found_pieces_are_marked_and_everything_is_escaped():
    assert marked([("<a>", False), ("b&", True)]) == "&lt;a&gt;<mark>b&amp;</mark>"


@given(st.text("0123456789", min_size=1, max_size=60))
def test_drawing_a_number_adds_and_loses_no_digit(number):
    assert re.sub(r"<[^>]*>", "", digits(Number(number))) == number
