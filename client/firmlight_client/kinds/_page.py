"""Addresses, titles and links of web pages.

Read with libxml2's pull parser (lxml), whose time is linear in the page whatever it holds: html.parser (below Beautiful
Soup) and lexbor take from minutes to hours for 2 MiB of `<a ` or of `<div>`, which would let any site hold a worker.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator

import httpx
from lxml import etree

URL_CHARS_MAX = 1024
HREF_CHARS_MAX = 2 * URL_CHARS_MAX  # as written, with entities
TITLE_CHARS_MAX = 200
LINKS_PER_PAGE_MAX = 1000
PIECE_CHARS = 65_536
HREFS_READ_MAX = 5000  # different ones, most of which may lead to the same few pages
HTML_TYPES = ("text/html", "application/xhtml+xml")
# Python knows more codecs than the web, some of them slow on purpose-made input (punycode, idna)
_CHARSETS = re.compile(r"(utf-?(8|16)|iso8859|cp125|cp932|koi8|gb|big5|euc|shift_jis|tis|mac|ascii|cp866|cp874)")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w.:-]{1,40})", re.IGNORECASE)


def page_url(text: str, base: httpx.URL | None = None) -> httpx.URL | None:
    """An absolute http or https URL without fragment; None for all that is none, holds credentials or is too long."""
    try:
        url = httpx.URL(text.strip()) if base is None else base.join(text.strip())
        url = url.copy_with(fragment=None, raw_path=url.raw_path)  # raw_path is never empty: http://h is http://h/
    except (httpx.InvalidURL, ValueError):  # ValueError: a bad IPv6 literal or port
        return None
    known = url.scheme in ("http", "https") and url.host and "%" not in url.host and not url.userinfo
    return url if known and 0 < (url.port or 80) < 2**16 and len(str(url)) <= URL_CHARS_MAX else None


def title_and_links(body: bytes, charset: str | None, url: httpx.URL) -> tuple[str, list[httpx.URL]]:
    """The title on one line, and the links of a page at `url`, in order, each once and without fragment."""
    title, root = None, None
    links: dict[str, httpx.URL] = {}
    read: set[str | None] = {None}
    for event, element in _elements(_decoded(body, charset)):
        href = element.get("href")
        if event == "end":
            title = _line(element.text) if title is None and element.tag == "title" else title
            element.clear()
        elif element.tag == "base" and root is None:
            root = _link(href, url)
        elif element.tag in ("a", "area") and href not in read:
            read.add(href)
            if (link := _link(href, root or url)) is not None:
                links.setdefault(str(link), link)
            if len(links) >= LINKS_PER_PAGE_MAX or len(read) > HREFS_READ_MAX:
                break
    return title or "", list(links.values())


def _line(text: str | None) -> str:
    return " ".join((text or "").split())[:TITLE_CHARS_MAX]


def _link(href: str | None, base: httpx.URL) -> httpx.URL | None:
    return None if href is None or len(href) > HREF_CHARS_MAX else page_url(href, base)


def _decoded(body: bytes, charset: str | None) -> str:
    """As text: byte order mark, then the header's charset, then the page's own, else UTF-8."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    declared = _META_CHARSET.search(body[:4096])
    own = declared[1].decode("ascii", "replace") if declared else None
    return body.decode(_codec(charset) or _codec(own) or "utf-8", "replace").removeprefix("\ufeff")


def _codec(charset: str | None) -> str | None:
    """Python's name of the codec; Latin-1 and ASCII mean Windows-1252 on the web."""
    try:
        name = codecs.lookup(charset or "").name
    except (LookupError, ValueError):
        return None
    if name in ("iso8859-1", "ascii"):
        return "cp1252"
    return name if _CHARSETS.match(name) else None


def _elements(text: str) -> Iterator[tuple[str, etree._Element]]:
    """The elements we read, in the order of the page, each emptied behind us so that a large page stays small."""
    parser = etree.HTMLPullParser(events=("start", "end"), tag=("title", "base", "a", "area"), encoding="utf-8")
    for start in range(0, len(text), PIECE_CHARS):
        parser.feed(text[start : start + PIECE_CHARS].encode("utf-8", "replace"))
        yield from parser.read_events()
    with contextlib.suppress(etree.XMLSyntaxError):  # an empty page, or one nested too deep: what was read counts
        parser.close()
    yield from parser.read_events()
