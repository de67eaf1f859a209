"""Titles and links of pages, friendly and hostile."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._page import LINKS_PER_PAGE_MAX, TITLE_CHARS_MAX, title_and_links
from firmlight_client.kinds._web_url import page_url
from tests.kinds import steady

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
    assert links("<a href=b><a href=a><a href=./b#x><a href=c>") == [f"http://here.example/dir/{x}" for x in "bac"]


def test_a_base_moves_the_links():
    assert links("<base href='/other/'><base href=/no/><a href=b>") == ["http://here.example/other/b"]


def test_comments_and_scripts_end_where_browsers_end_them():
    assert len(links("<!--><a href=b><!-- > -- > --><a href=c><script></scriptx><a href=d></SCRIPT ><a href=e>")) == 3


def test_there_are_at_most_so_many_links():
    assert len(links("".join(f"<a href={i}>" for i in range(2 * LINKS_PER_PAGE_MAX)))) == LINKS_PER_PAGE_MAX


def test_a_title_is_one_line_of_bounded_length():
    assert title(b"<TITLE lang=en>\n A &lt;b&gt; &amp;\n  c </title><title>no</title>") == "A <b> & c"
    assert title(b"<title>" + b"x" * 5000) == "x" * (TITLE_CHARS_MAX - 1) + "…"
    assert title(b"<title>&#" + b"1" * 100_000) != ""
    assert title(b"<p>none") == ""


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
    "text", ["example.com", "ftp://h/", "http://", "//h/", "", "http://a b/", "http://h/" + "x" * 2000]
)
def test_what_is_no_web_address(text):
    assert page_url(text) is None
