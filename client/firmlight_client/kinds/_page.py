"""Titles and links of web pages.

Read by libxml2 (lxml), whose tokenizer follows the HTML standard. It hands us the tags and builds
no tree, so nothing is lost below the 256 levels that its tree may have. Its time is linear in the
page but for one thing: an end tag that closes nothing is looked for among all open elements, which
TAG_STEPS_MAX bounds. Parsers that build a tree take from minutes (lexbor, 2 MiB of `<div>`) to
hours (html.parser, `<a `), which would let any site hold a worker.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import quote_from_bytes

import webencodings
from lxml import etree

from firmlight_client.kinds._encoding import page_text
from firmlight_client.kinds._web_url import (
    HREF_CHARS_MAX,
    URL_CHARS_MAX,
    WebUrl,
    absolute,
    is_long,
    page_url,
)

TITLE_CHARS_MAX = 200
LINKS_PER_PAGE_MAX = 1000
PIECE_CHARS = 8_192  # between two looks at how deep it is
HREFS_READ_MAX = 5000  # different ones, most of which may lead to the same few pages
TAG_STEPS_MAX = 300_000_000  # tags times open elements: about a second
HTML_TYPES = ("text/html", "application/xhtml+xml")
# A base in one of these is passed over, as browsers do (HTML 4.2.3)
_NO_BASE = re.compile(r"(?:data|javascript):", re.IGNORECASE)
_SCHEME = re.compile(r"\s{0,99}(?!https?:)[a-z][a-z0-9+.-]{0,40}:", re.IGNORECASE)
# Within these neither a title nor a base is the page's
_FOREIGN = frozenset({"svg", "math"})
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]{1,2048}")

TOO_MANY_LINKS = f"it has more links than the {LINKS_PER_PAGE_MAX:,} that are read"
TOO_DEEP = "its elements are nested so deep that it was not read to its end"
LONG_LINKS = f"links of more than {URL_CHARS_MAX:,} characters were left out"


class PageContent(NamedTuple):
    """The title on one line; the links in order, each once; what was left out, a sentence each."""

    title: str
    links: list[WebUrl]
    left_out: list[str]


def title_and_links(body: bytes, charset: str | None, url: WebUrl) -> PageContent:
    """Read a page at `url`, of which the header said that it is in `charset`. Raises nothing."""
    page = page_text(body, charset)
    tags = _Tags()
    whole = _feed(page.text, tags)
    links, cut = _links(tags, page.encoding, url)
    left_out = [] if whole else [TOO_DEEP]
    if cut or len(tags.hrefs) > HREFS_READ_MAX:
        left_out.append(TOO_MANY_LINKS)
    if tags.long:
        left_out.append(LONG_LINKS)
    return PageContent(one_line("".join(tags.title), TITLE_CHARS_MAX), links, left_out)


def one_line(text: str, chars_max: int) -> str:
    """Printable text on one line, with `…` where it was cut.

    Control characters and half surrogates become blanks.
    """
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    line = " ".join(text.split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


class _Tags:
    """What libxml2 tells of the page, as it goes: the interface of lxml's parser targets."""

    def __init__(self) -> None:
        self.hrefs: dict[str, None] = {}
        self.title: list[str] = []
        self.base: str | None = None
        self.long = False  # a link was longer than HREF_CHARS_MAX
        self.depth = 0
        self._titles, self._in_title = 0, False
        self._foreign = dict.fromkeys(_FOREIGN, 0)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if tag in ("a", "area"):
            href = attributes.get("href")
            if href is None and self._foreign["svg"]:
                href = attributes.get("xlink:href")
            self._link(href)
        elif tag == "base":
            if self.base is None and not any(self._foreign.values()):
                self.base = attributes.get("href")
        elif tag == "title":
            if not any(self._foreign.values()):
                self._titles += 1
                self._in_title = self._titles == 1
        elif tag in _FOREIGN:
            self._foreign[tag] += 1

    def end(self, tag: str) -> None:
        self.depth -= 1
        if tag == "title":
            self._in_title = False
        elif tag in _FOREIGN:
            self._foreign[tag] -= 1

    def data(self, text: str) -> None:
        if self._in_title:
            self.title.append(text)

    def close(self) -> None:
        """lxml asks for it."""

    def _link(self, href: str | None) -> None:
        if href is None:
            return
        if len(href) > HREF_CHARS_MAX:
            self.long = self.long or _SCHEME.match(href) is None
        elif len(self.hrefs) <= HREFS_READ_MAX:
            self.hrefs[href] = None


def _feed(text: str, tags: _Tags) -> bool:
    """Read a page piece by piece; return False if it was given up half way."""
    parser = etree.HTMLParser(target=tags, encoding="utf-8")
    steps = 0
    for start in range(0, len(text), PIECE_CHARS):
        piece = text[start : start + PIECE_CHARS]
        steps += piece.count("<") * max(0, tags.depth)
        if steps > TAG_STEPS_MAX:
            return False
        parser.feed(piece.encode("utf-8", "replace"))
    with contextlib.suppress(etree.LxmlError):  # a page without any element
        parser.close()
    return True


def _links(tags: _Tags, encoding: str, url: WebUrl) -> tuple[list[WebUrl], bool]:
    """The links that lead to pages, and whether there are more than are read."""
    base = _base(tags.base, url)
    links: dict[str, WebUrl] = {}
    for href in tags.hrefs:
        written = _in_encoding(href, encoding)
        link = page_url(written, base)
        if link is None:
            tags.long = tags.long or is_long(written, base)
            continue
        if link.text in links:
            continue
        if len(links) == LINKS_PER_PAGE_MAX:
            return list(links.values()), True
        links[link.text] = link
    return list(links.values()), False


def _base(href: str | None, url: WebUrl) -> str:
    base = None if href is None else absolute(href, url.text)
    return url.text if base is None or _NO_BASE.match(base) else base


def _in_encoding(href: str, encoding: str) -> str:
    """The query of a link is sent in the page's own encoding (WHATWG URL, "encoding override")."""
    if encoding.startswith("utf-") or encoding == "replacement" or href.isascii():
        return href
    path, mark, query = href.partition("#")[0].partition("?")
    encode = webencodings.lookup(encoding).codec_info.encode

    def escaped(found: re.Match[str]) -> str:
        return quote_from_bytes(encode(found[0], "xmlcharrefreplace")[0])

    return path + mark + _BEYOND_ASCII.sub(escaped, query)
