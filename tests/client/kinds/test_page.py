"""Titles and links of pages, friendly and hostile."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from firmlight_client.kinds import _page
from firmlight_client.kinds._page import (
    HREFS_READ_MAX,
    LINKS_PER_PAGE_MAX,
    LONG_LINKS,
    TITLE_CHARS_MAX,
    TOO_DEEP,
    TOO_MANY_LINKS,
    title_and_links,
)
from firmlight_client.kinds._web_url import URL_CHARS_MAX, page_url
from tests.client.kinds import steady

HERE = page_url("http://here.example/dir/page?x=1#top")


def links(body: str) -> list[str]:
    return [str(link) for link in title_and_links(body.encode(), "utf-8", HERE)[1]]


def title(body: bytes, charset: str | None = None) -> str:
    return title_and_links(body, charset, HERE)[0]


@pytest.mark.parametrize(
    ("tag", "link"),
    [
        ('<a href="b">', "http://here.example/dir/b"),
        ("<a href='/b'>", "http://here.example/b"),
        ("<A HREF = b >", "http://here.example/dir/b"),
        ("<a class=x href=b target=y>", "http://here.example/dir/b"),
        ('<a title="a > b" href="b">', "http://here.example/dir/b"),
        ("<a\nhref\n=\n'b'\n/>", "http://here.example/dir/b"),
        ('<a href="b" href="c">', "http://here.example/dir/b"),
        ('<a data-href="c" href="b">', "http://here.example/dir/b"),
        ('<a href="?a=1&amp;b=2#part">', "http://here.example/dir/page?a=1&b=2"),
        ('<area href="//other.example">', "http://other.example/"),
        ('<a href=" HTTPS://Other.example:443/é b ">', "https://other.example/%C3%A9%20b"),
        ('<a href="#top">', "http://here.example/dir/page?x=1"),
        ("<a href>", "http://here.example/dir/page?x=1"),
        ('<a href="a\tb\nc\r">', "http://here.example/dir/abc"),
        ('<a href="\\\\other.example\\b">', "http://other.example/b"),
        ('<a href="http://xn--ls8h.la">', "http://xn--ls8h.la/"),
        ("<div>" * 400 + "<a href=b>", "http://here.example/dir/b"),
        ("<b>" * 9000 + "<a href=b>", "http://here.example/dir/b"),
        ("<a href=b><base href=/o/>", "http://here.example/o/b"),
        ("<base><base href=/o/><a href=b>", "http://here.example/o/b"),
        ("<base href='data:x'><base href=/o/><a href=b>", "http://here.example/dir/b"),
    ],
)
def test_a_link_is_absolute_and_without_fragment(tag, link):
    assert links(tag + "text</a>") == [link]


@pytest.mark.parametrize(
    "body",
    [
        "<a>", "<a name=x>", '<a href="mailto:a@b.example">', '<a href="javascript:x()">',
        '<a href="http://u:p@h.example/">',
        '<a href="http://[::1/">', '<a href="http://h.example:99999/">', "<!-- <a href=b> -->",
        "<script>'<a href=b>'</script>",
        "<style><a href=b></style>", "<textarea><a href=b></textarea>", "<title><a href=b></title>", "<link href=b>",
        '<a href="b', "<a href=b", "<!-- <a href=b>", "<abbr href=b>", "<a href=" + "x" * 3000 + ">", "<a href='ftp://h/x'>",
    ],
)  # fmt: skip
def test_what_is_no_link_to_a_page_is_left_out(body):
    assert links(body) == []


def test_each_link_stands_once_in_the_order_of_the_page():
    assert links("<a href=b><a href=a><a href=./b#x><a href=c>") == [
        f"http://here.example/dir/{x}" for x in "bac"
    ]


def test_a_base_moves_the_links():
    assert links("<base href='/other/'><base href=/no/><a href=b>") == [
        "http://here.example/other/b"
    ]


def test_comments_and_scripts_end_where_browsers_end_them():
    assert (
        len(
            links(
                "<!--><a href=b><!-- > -- > --><a href=c><script></scriptx><a href=d></SCRIPT ><a href=e>"
            )
        )
        == 3
    )


def test_a_query_is_in_the_encoding_of_its_page():
    """As forms and servers of such pages expect it; the path is UTF-8 everywhere (WHATWG URL)."""
    body = "<meta charset=windows-1251><a href='/ж?ж=€&日#ж'>".encode("cp1251", "xmlcharrefreplace")
    assert [str(link) for link in title_and_links(body, None, HERE).links] == [
        "http://here.example/%D0%B6?%E6=%88&%26%2326085%3B"
    ]


@pytest.mark.parametrize(
    ("body", "left_out"),
    [
        ("".join(f"<a href={i}>" for i in range(LINKS_PER_PAGE_MAX)), []),
        ("".join(f"<a href={i}>" for i in range(LINKS_PER_PAGE_MAX + 1)), [TOO_MANY_LINKS]),
        ("".join(f"<a href='b#{i}'>" for i in range(HREFS_READ_MAX + 1)), [TOO_MANY_LINKS]),
        ("<a href=/" + "x" * URL_CHARS_MAX + ">", [LONG_LINKS]),
        ("<a href=" + "x" * 5000 + ">", [LONG_LINKS]),
        ("<a href='javascript:" + "x" * 5000 + "'><a href=' data:" + "x" * 2000 + "'>", []),
        ("<div>" * 100_000, [TOO_DEEP]),
    ],
)  # fmt: skip
def test_what_is_left_out_is_said(body, left_out):
    assert title_and_links(body.encode(), "utf-8", HERE).left_out == left_out


@pytest.mark.parametrize(
    "body",
    [
        "<frameset>" * 100_000 + "<body>" * 100_000,
        ("<div>" * 20_000 + "</b>" * 20_000) * 8,
        ("<b>" * 1200 + "</i>" * 800 + "</b>" * 1200) * 200,
        "<p>" + "</b>" * 300_000,
    ],
)
def test_tags_times_open_elements_are_bounded(body, monkeypatch):
    """An end tag is looked for among all open elements: without a bound these take minutes."""
    steps = 0

    class Counting:
        def __init__(self, target: _page._Tags, encoding: str) -> None:
            self.tags, self.parser = target, etree.HTMLParser(target=target, encoding=encoding)

        def feed(self, piece: bytes) -> None:
            nonlocal steps
            self.parser.feed(piece)
            steps += piece.count(b"<") * self.tags.depth

        def close(self) -> None:
            self.parser.close()

    monkeypatch.setattr(
        _page, "etree", SimpleNamespace(HTMLParser=Counting, LxmlError=etree.LxmlError)
    )
    title_and_links(body.encode(), "utf-8", HERE)
    assert steps < 2 * _page.TAG_STEPS_MAX


def test_there_are_at_most_so_many_links():
    assert (
        len(links("".join(f"<a href={i}>" for i in range(2 * LINKS_PER_PAGE_MAX))))
        == LINKS_PER_PAGE_MAX
    )


def test_a_title_is_one_line_of_bounded_length():
    assert (
        title(b"<TITLE lang=en>\n A &lt;b&gt; &amp;\n  c </title><title>no</title>") == "A <b> & c"
    )
    assert title(b"<title>" + b"x" * 5000) == "x" * (TITLE_CHARS_MAX - 1) + "…"
    assert title(b"<title>&#" + b"1" * 100_000) != ""
    assert title(b"<p>none") == ""
    assert title("<title>a\x07b\x85c\u2028d\0".encode()) == "a b c d\ufffd"


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("<title>Grüße</title>".encode(), None),
        ("<title>Grüße</title>".encode("latin-1"), "ISO-8859-1"),
        ("<meta charset='windows-1252'><title>Grüße</title>".encode("cp1252"), None),
        ("<title>Grüße</title>".encode("utf-8-sig"), None),
        ("<title>Grüße</title>".encode("utf-16"), "utf-8"),
        (
            "<meta http-equiv=Content-Type content='text/html; charset=iso-8859-15'><title>Grüße</title>".encode(
                "latin-1"
            ),
            "nonsense",
        ),
        ("<title>Grüße</title>".encode(), "punycode"),
        ("<title>Grüße</title>".encode(), "base64"),
        ("<title>Grüße</title>".encode(), "\x00"),
    ],
)
def test_the_charset_is_found(body, charset):
    assert title(body, charset) == "Grüße"


@steady
@given(st.binary(max_size=300) | st.text("<>!-=\"'/ ahreftitlscp&#;\n").map(str.encode))
def test_no_page_raises(body):
    title, found, _ = title_and_links(body, None, HERE)
    assert "\n" not in title
    assert len({str(link) for link in found}) == len(found)


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<a href='",
        "<",
        "<!--",
        "</a",
        "<div>",
        "<title></titl",
        "<a href=",
        "<a b=",
        "&#",
        "<script>",
        "<meta charset",
    ],
)
def test_a_hostile_page_takes_no_longer_than_its_length_asks(piece):
    body = (piece * 200_000)[: 2**18].encode()
    start = time.process_time()
    title_and_links(body, None, HERE)
    assert time.process_time() - start < 5  # 0.1 s; a parser of quadratic time takes minutes


@pytest.mark.parametrize(
    "text",
    ["example.com", "ftp://h/", "http://", "//h/", "", "http://a b/", "http://h/" + "x" * 2000],
)
def test_what_is_no_web_address(text):
    assert page_url(text) is None
