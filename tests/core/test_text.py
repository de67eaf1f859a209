"""Which characters names may hold."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from django.core.exceptions import ValidationError

from core.text import check_printable, check_printable_lines
from firmlight_client.text import (
    PRINTABLE,
    SHOWN,
    first_unseen,
    one_line,
    shows_nothing,
    visible,
)

UNSEEN = {
    "escape": "\x1b[2J",
    "C1 control": "a\x9bb",
    "NUL": "a\0b",
    "right-to-left override": "a\u202eb",
    "isolate": "a\u2066b",
    "zero-width space": "a\u200bb",
    "zero-width joiner": "a\u200db",
    "word joiner": "a\u2060b",
    "byte order mark": "\ufeffa",
    "soft hyphen": "a\xadb",
    "line separator": "a\u2028b",
    "Hangul filler": "\u3164",
    "tag": "a\U000e0041b",
    "surrogate": "a\ud800b",
}
SEEN = (
    "Lab Seven",
    "Über-Rechner №1",
    "日本語　表題",
    "الأرقام",
    "नमस्ते",
    "e\u0301",
    "🔥 hot",
    "❤️",
    "Prix : 5\u202f€",
    "",
)


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
def test_what_is_not_drawn_is_refused(text):
    for check in (check_printable, check_printable_lines):
        with pytest.raises(ValidationError, match="cannot be seen"):
            check(text)
    assert not re.match(PRINTABLE, text)


@pytest.mark.parametrize(
    "text", [" ", "\u2800", "\u2800 \u2800", "\ufe0f", "\u3000\ufe0e", "\U0001d159", "\u200b"]
)
def test_a_name_that_shows_nothing_is_refused(text):
    with pytest.raises(ValidationError):
        check_printable(text)
    assert shows_nothing(text)
    assert not re.match(SHOWN, text)


def test_a_blank_of_braille_is_taken_where_something_is_seen():
    text = "\u281e\u2800\u2801"
    check_printable(text)
    assert re.match(SHOWN, text)
    check_printable_lines("\u2800")


@pytest.mark.parametrize("text", [text for text in SEEN if text])
def test_a_text_that_shows_something_is_a_name(text):
    assert re.match(SHOWN, text)
    assert not shows_nothing(text)


@pytest.mark.parametrize("text", SEEN)
def test_what_people_write_is_taken(text):
    check_printable(text)
    check_printable_lines(text)
    assert re.match(PRINTABLE, text)
    assert visible(text) == text


def test_only_a_text_of_several_lines_has_line_breaks():
    check_printable_lines("one\r\n\ttwo")
    with pytest.raises(ValidationError, match=r"U\+000A"):
        check_printable("one\ntwo")
    assert first_unseen("one\x1b\ntwo", several_lines=True) == "\x1b"


def test_the_error_names_the_character():
    with pytest.raises(ValidationError, match=r"U\+202E RIGHT-TO-LEFT OVERRIDE"):
        check_printable("\u202egpj.exe")


def test_no_control_or_mark_of_direction_is_forgotten():
    """The list is written by hand: Unicode's own data agree for all that a terminal obeys."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN", "B"}
    for char in map(chr, range(sys.maxunicode + 1)):
        is_control = unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs")
        if is_control or unicodedata.bidirectional(char) in turning:
            assert first_unseen(char), f"U+{ord(char):04X}"


def test_escaped_it_can_be_seen():
    assert visible("a\x1b[31m\u202eb\U000e0041\n") == "a\\u001b[31m\\u202eb\\U000e0041\\u000a"
    assert visible("one\ntwo\r", keep="\n") == "one\ntwo\\u000d"
    assert one_line("a\u3164b\x1b[1mc") == "a b [1mc"
