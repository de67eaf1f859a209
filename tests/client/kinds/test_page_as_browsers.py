"""Odd pages give the title and links that browsers find in them.

The judge is lexbor, which builds the tree that the HTML standard prescribes. We read tags without
building a tree, so some things differ by decision. They have a test of their own below:

- Links stand in the order of the source; a browser moves what is misplaced in a table before it.
- Within svg and math, `<style>`, `<title>` and the like hold text, as they do in HTML.
- `<script/>` is closed, as its author meant; a browser takes the rest of the page for a script.
- A link is a link in a frameset and in a select, where some browsers drop it.
"""

from __future__ import annotations

from contextlib import suppress

import ada_url
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from firmlight_client.kinds._page import one_line, title_and_links
from firmlight_client.kinds._web_url import page_url
from tests.client.kinds import steady

HERE = page_url("http://here.example/dir/page?x=1")
BLOCKS = [
    "div", "p", "b", "i", "span", "ul", "li", "dl", "dt", "dd", "h1", "h2", "form", "font",
    "center", "em", "nobr", "button",
    "section", "blockquote", "pre", "address", "object", "label", "u", "code", "ruby", "rt",
    "x-y", "details", "noscript",
    "body", "html", "head", "option",
]  # fmt: skip
FOREIGN = ["svg", "math", "g", "mi", "foreignObject", "desc", "mtext"]
VOID = ["br", "img", "hr", "input", "meta", "link", "wbr", "embed", "image"]
BASES = ["base", "base target=x"]
RAW = ["script", "style", "textarea", "xmp", "iframe", "noembed", "noframes", "title"]
ADDRESS = st.sampled_from([
    "a", "b?c=1&d=2", "/e", "//o.example/f", "\\g", "?h", "#i", "", " j ", "k\nl", "m\tn", "é",
    "日?ö=ü", "a%20b", "o p",
    "http://xn--ls8h.la/", "http://💩.la/q", "http://u_v.example/", "HTTP://W.example:80/../x",
    "http://0x7f.1/", "mailto:y@z",
    "javascript:void(0)", "http:/r", "http:s", "https:t", "http://[::1]/", "http://[::/",
    "&amp;", "&#x2F;u", "&lt;v&copy;",
    "?w&copy=1", "?x&lt=1", "&notit;", "&#0;", "&#xD800;", "&#128;", "&bogus;", "&", "%zz",
    "a\u00a0",
])  # fmt: skip
NAMES = st.sampled_from(
    ["href", "HREF", "Href", "data-href", "hreflang", "name", "x", "a=", '"', "<", "é"]
)
SPACES = st.sampled_from([" ", "\n", "\t", "\f", "/", "\r\n", " / ", "  "])
TEXT = st.sampled_from([
    "text", " ", "&amp;", "&nbsp", "<", "<3", "< a href=no>", "</>", "</ a>", "<!", "<!>",
    "<?php echo '<b>' ?>", "]]>", "\0",
    "<!doctype html>", "<!DOCTYPE x [<!ENTITY y 'z'>]>", "&", "&#", "\u2028", "😀", "'", '"', ">",
    "<a", "</a", "\r",
])  # fmt: skip
COMMENT = st.sampled_from([
    "<!-- <a href=no> -->", "<!--><a href=c1>", "<!---><a href=c2>", "<!-- x --!><a href=c3>",
    "<!-- -- ><a href=no>-->",
    "<!-- <!-- <a href=no> -->", "<!----!><a href=c4>", "<!--x--", "<!-a><a href=c5>", "<!--->",
    "<!-- a -- b ->c-->",
])  # fmt: skip


@st.composite
def attributes(draw: st.DrawFn) -> str:
    written = ""
    for _ in range(draw(st.integers(0, 3))):
        value = draw(ADDRESS)
        quoted = draw(
            st.sampled_from(
                ['="{}"', "='{}'", "={}", ' = "{}"', "\n=\n'{}'", "", "=", '="{}', "='{}\""]
            )
        )
        written += draw(SPACES) + draw(NAMES) + quoted.format(value)
    return written


@st.composite
def tag(draw: st.DrawFn, names: list[str]) -> str:
    name = draw(st.sampled_from(names))
    return f"<{name}{draw(attributes())}{draw(st.sampled_from(['>', '>', '>', ' >', '/>', '']))}"


@st.composite
def raw(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(RAW))
    inside = (
        TEXT
        | tag(["a", "p"])
        | st.sampled_from(["<!--", "-->", f"<{name}>", "<script", "</script>"])
    )
    end = draw(
        st.sampled_from([f"</{name}>", f"</{name.upper()} >", f"</{name}\nx=y>", f"</{name}x>", ""])
    )
    return f"<{name}{draw(attributes())}>{''.join(draw(st.lists(inside, max_size=3)))}{end}"


def pages(*extra: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    links = tag(["a", "a", "a", "A", "area"])
    piece = links | tag(BLOCKS + VOID) | closing | TEXT | COMMENT
    for more in extra:
        piece |= more
    return st.lists(piece, min_size=4, max_size=24).map("".join)


closing = st.sampled_from(["a", *BLOCKS, "br", "p"]).map("</{}>".format)
with_foreign = pages(tag(FOREIGN), st.sampled_from(FOREIGN).map("</{}>".format))
with_raw = pages(raw(), raw(), tag(BASES)).map(lambda text: text.replace("/>", " >"))


def of_a_browser(text: str) -> tuple[str, list[str]]:
    """What a browser finds: the first title of the page itself, and each link once."""
    tree = LexborHTMLParser(text)
    titles = [node.text() for node in tree.css("title") if of_html(node)]
    bases = [node.attributes["href"] or "" for node in tree.css("base[href]") if of_html(node)]
    hrefs = [node.attributes["href"] or "" for node in tree.css("a[href], area[href]")]
    links = [page_url(href, base_of(bases)) for href in hrefs]
    return one_line(titles[0] if titles else "", 200), list(
        dict.fromkeys(link.text for link in links if link)
    )


def base_of(hrefs: list[str]) -> str:
    if hrefs:
        with suppress(ValueError):
            base = ada_url.join_url(HERE.text, hrefs[0])
            return HERE.text if base.startswith(("data:", "javascript:")) else base
    return HERE.text


def of_html(node: LexborNode | None) -> bool:
    while node is not None:
        if node.tag in ("svg", "math"):
            return False
        node = node.parent
    return True


def of_ours(text: str) -> tuple[str, list[str]]:
    title, links, _ = title_and_links(text.encode("utf-8", "surrogatepass"), "utf-8", HERE)
    return title, [link.text for link in links]


@settings(steady, max_examples=200)
@given(with_foreign | with_raw)
def test_titles_and_links_are_those_of_a_browser(text):
    assert of_ours(text) == of_a_browser(text)


def test_the_judge_sees_links_in_what_is_generated():
    """So that agreement means something."""
    text = "<title>T</title><base href=/o/><p><a\nHREF = 'k\nl'>x<a href=&amp;><svg></svg></p><!--><area href=c>"
    assert of_a_browser(text) == ("T", [f"http://here.example/o/{x}" for x in ("kl", "&", "c")])
    assert of_ours(text) == of_a_browser(text)


@pytest.mark.parametrize(
    ("text", "ours", "browsers"),
    [
        ("<table><tr><td><a href=1></a><tr><a href=2>", ["1", "2"], ["2", "1"]),
        ("<svg><style><a href=1></style><a href=2>", ["2"], ["1", "2"]),
        ("<svg><![CDATA[<a href=1>]]></svg><![CDATA[<a href=2>", [], []),
        ("<script/><a href=1>", ["1"], []),
        ("<frameset><a href=1></frameset>", ["1"], []),
    ],
)
def test_where_we_differ_by_decision(text, ours, browsers):
    def within_here(found: tuple[str, list[str]]) -> list[str]:
        return [
            link.removeprefix("http://here.example/dir/").removeprefix("page?x=1")
            for link in found[1]
        ]

    assert within_here(of_ours(text)) == ours
    assert within_here(of_a_browser(text)) == browsers


def test_a_link_of_a_drawing_may_be_an_xlink():
    assert of_ours("<svg><a xlink:href=1></svg><a xlink:href=2>") == (
        "",
        ["http://here.example/dir/1"],
    )


@pytest.mark.parametrize("name", ["template", "noscript", "select", "table", "object", "button"])
def test_links_are_read_wherever_they_stand(name):
    assert len(of_ours(f"<{name}><div><a href=1></{name}><a href=2>")[1]) == 2
