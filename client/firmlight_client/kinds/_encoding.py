"""The text of a page: which encoding its bytes are in, decided as browsers decide it.

WHATWG HTML 13.2.3 and the Encoding Standard. Python's own names of encodings are not those of the
web, and some of Python's codecs are slow on purpose-made input; webencodings knows the web's only.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

import webencodings
from lxml import etree

PRESCAN_BYTES = 4096  # the standard asks for 1,024; pages with long comments first are common
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
_CHARSET = re.compile(
    r"charset\s{0,99}=\s{0,99}(?:\"([^\"]{1,99})\"|'([^']{1,99})'|([^\s;\"']{1,99}))", re.I
)
_XML = re.compile(rb"<\?xml[^>]{1,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.:-]{1,40})[\"']")


class PageText(NamedTuple):
    """`encoding` is the web's name: `utf-8`, `windows-1252`."""

    text: str
    encoding: str


def page_text(body: bytes, charset: str | None) -> PageText:
    """Decode a page: its byte order mark, else the header's `charset`, else what the page declares.

    A page that declares nothing is UTF-8, or Windows-1252 where UTF-8 makes no sense of it.
    """
    for mark, marked in _MARKS:
        if body.startswith(mark):
            return _decoded(body[len(mark) :], marked)
    name = encoding_name(charset) or _declared(body[:PRESCAN_BYTES])
    return _guessed(body) if name is None else _decoded(body, name)


def encoding_name(label: str | None) -> str | None:
    """The encoding that a label means on the web (`latin1` means `windows-1252`); None: no such."""
    if not label or not label.isascii():
        return None
    found = webencodings.lookup(label)
    return None if found is None else str(found.name)


def _decoded(body: bytes, name: str) -> PageText:
    codec = webencodings.lookup(name).codec_info
    return PageText(codec.decode(body, "replace")[0], name)


def _guessed(body: bytes) -> PageText:
    text = body.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if wrong and 2 * wrong > len(text) - len(text.encode("ascii", "ignore")):
        return _decoded(body, "windows-1252")
    return PageText(text, "utf-8")


def _declared(start: bytes) -> str | None:
    """What the page's own first bytes declare: they are ASCII enough to be read, so not UTF-16."""
    parser = etree.HTMLPullParser(events=("start",), tag="meta", encoding="iso-8859-1")
    parser.feed(start)
    labels = [_meta_charset(element) for _, element in parser.read_events()]
    if (xml := _XML.match(start)) is not None:
        labels.append(xml[1].decode("ascii"))
    name = next(filter(None, map(encoding_name, labels)), None)
    if name in ("utf-16le", "utf-16be"):
        return "utf-8"
    return "windows-1252" if name == "x-user-defined" else name


def _meta_charset(meta: etree._Element) -> str | None:
    if (charset := meta.get("charset")) is not None:
        return str(charset)
    if (meta.get("http-equiv") or "").lower() != "content-type":
        return None
    found = _CHARSET.search(meta.get("content") or "")
    return None if found is None else found[1] or found[2] or found[3]
