"""Addresses are read as browsers read them, and what is none is never an error."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._web_url import HREF_CHARS_MAX, URL_CHARS_MAX, page_url
from tests.client.kinds import steady

HERE = page_url("http://here.example/dir/page?x=1")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("http://xn--ls8h.la/", "http://xn--ls8h.la/"),  # IDNA 2008 refuses it
        ("http://💩.la/a", "http://xn--ls8h.la/a"),
        ("http://faß.de", "http://xn--fa-hia.de/"),
        ("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
        ("http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/"),
        ("http://a_b.example/", "http://a_b.example/"),
        ("http://-a-.example/", "http://-a-.example/"),
        ("http://a..example/", "http://a..example/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
        ("\x01 http://h.example/a\tb\r\nc \x1f", "http://h.example/abc"),
        ("ht\ntp://h.example/", "http://h.example/"),
        ("http:\\\\h.example\\a\\b?c\\d", "http://h.example/a/b?c\\d"),
        ("http:h", "http://here.example/dir/h"),
        ("https:h.example", "https://h.example/"),
        ("http:///h.example", "http://h.example/"),
        ("//h.example:80", "http://h.example/"),
        ("http://h.example:8080/", "http://h.example:8080/"),
        ("é?é#é", "http://here.example/dir/%C3%A9?%C3%A9"),
        ("a b|c?d e", "http://here.example/dir/a%20b|c?d%20e"),
        ("/a/./b/../c/%2e%2E/d", "http://here.example/a/d"),
        ("\u00a0x", "http://here.example/dir/%C2%A0x"),
        ("", "http://here.example/dir/page?x=1"),
        ("?", "http://here.example/dir/page?"),
        ("\x00", "http://here.example/dir/page?x=1"),
    ],
)
def test_an_address_is_read_as_browsers_read_it(text, read):
    url = page_url(text, HERE)
    assert str(url) == read
    again = page_url(read)
    assert again == url


def test_the_parts_of_an_address():
    url = page_url("https://[2001:DB8::1]:8443/a?b#c")
    assert url[1:] == ("https", "2001:db8::1", 8443, "[2001:db8::1]:8443", "/a?b")
    assert page_url("https://h.example")[1:] == ("https", "h.example", 443, "h.example", "/")


@pytest.mark.parametrize(
    "text",
    [
        "mailto:a@b.example", "javascript:alert(1)", "data:text/html,x", "ftp://h.example/",
        "blob:http://h.example/x",
        "http://u@h.example/", "http://u:p@h.example/", "http://@h.example@i.example/",
        "http://h.example:0/",
        "http://h.example:65536/", "http://h.example:x/", "http://[::1/",
        "http://[fe80::1%25lo]/", "http://a b/",
        "http://h%00.example/", "http://\u2100.example/", "http://1.2.3.256/", "http://",
        "http://h.example/" + "x" * URL_CHARS_MAX, "x" * (HREF_CHARS_MAX + 1),
        "http://h.example/\ud800" + "x" * URL_CHARS_MAX,
        "http://" + "ü" * 600 + "/", "//" + "ü" * 600, "https:\\" + "ü" * 600,
        "\thttp:/" + "ü" * 600,
    ],
)  # fmt: skip
def test_what_leads_to_no_page_is_none(text):
    assert page_url(text, HERE) is None


@steady
@given(
    st.text(max_size=60) | st.text("htps:/\\?#@[]%.0xü💩\t\n\ud800\x00", max_size=40), st.booleans()
)
def test_no_text_raises_and_every_address_is_plain_ascii(text, alone):
    url = page_url(text) if alone else page_url(text, HERE)
    if url is not None:
        assert str(url).isascii()
        assert str(url).isprintable()
        assert " " not in str(url)
        assert url.host == url.host.lower()
        assert url.text == f"{url.scheme}://{url.authority}{url.target}"


@pytest.mark.parametrize(
    "piece", ["ü", "\u0323\u0301", "xn--", "a.", "../", "\t", "/", "\\", "%", "日本"]
)
def test_no_address_takes_long(piece):
    start = time.process_time()
    for form in ("http://{}", "{}", "//{}/", "http://h.example/{}", "\t{}"):
        for _ in range(50):
            page_url(form.format(piece * (HREF_CHARS_MAX // len(piece) - 20)), HERE)
    assert (
        time.process_time() - start < 5
    )  # hundredths; a host of 2,000 letters alone took 10 ms each
