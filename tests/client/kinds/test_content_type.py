"""What an answer is, however its header says so, or does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._content_type import content_type, looks_like_html
from tests.client.kinds import steady


@pytest.mark.parametrize(
    ("header", "essence", "charset"),
    [
        ("text/html", "text/html", None),
        (" Text/HTML ; Charset=UTF-8", "text/html", "UTF-8"),
        ('text/html;CHARSET="utf-8"', "text/html", "utf-8"),
        ("text/html; charset='utf-8'", "text/html", "utf-8"),
        ("text/html;;; charset = utf-8 ;", "text/html", "utf-8"),
        ("text/html;charset=", "text/html", None),
        ("text/html;charset=a;charset=b", "text/html", "a"),
        ('text/html; x="a;charset=no"; charset=l1', "text/html", "l1"),
        ('text/html; x="a, b/c"; charset=l1', "text/html", "l1"),
        ("text/html charset=utf-8", "text/html", "utf-8"),
        ("text/html (page)", "text/html", None),
        ("text/plain, text/html", "text/html", None),
        ("text/html;charset=l1, text/html", "text/html", "l1"),
        ("text/html;charset=l1, text/plain", "text/plain", None),
        ("text/html, */*", "text/html", None),
        ("text/html, nonsense", "text/html", None),
        ("text/html;notcharset=x;acharset=y", "text/html", None),
        ("", "", None), ("html", "", None), ("/", "", None), (";charset=x", "", None),
        ("text/", "", None),
        ('"', "", None), ("*/*", "", None),
    ],
)  # fmt: skip
def test_a_content_type_is_read_as_browsers_read_it(header, essence, charset):
    assert content_type(header) == (essence, charset)


@steady
@given(st.text(max_size=80) | st.text("text/html;, charset=\"='\\\t", max_size=60))
def test_no_header_raises(header):
    content_type(header)


@pytest.mark.parametrize(
    "start",
    [b"<!DOCTYPE html>", b"\xef\xbb\xbf\r\n\t <html>", b"<!doctype HTML PUBLIC", b"<!-- x", b"<a >", b"<TITLE>"],
)  # fmt: skip
def test_a_page_is_known_by_its_first_bytes(start):
    assert looks_like_html(start)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"text",
        b"<",
        b"<abbr>",
        b"<?xml ?>",
        b"%PDF-1.5",
        b"\x00<html>",
        b"<htmlx>",
        b" " * 9999 + b"<p>",
    ],
)
def test_what_is_no_page_is_not_taken_for_one(start):
    assert not looks_like_html(start)
