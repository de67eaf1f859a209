"""What a response is: its Content-Type, and what its first bytes look like.

The second follows the WHATWG standard MIME Sniffing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SNIFFED_BYTES = 1445
UNKNOWN_TYPES = ("", "*/*", "unknown/unknown", "application/unknown")  # then the bytes decide
_WORD = r"[\w!#$%&'*+.^`|~-]{1,100}"
_ESSENCE = re.compile(rf"\s{{0,99}}({_WORD}/{_WORD})(?=[\s;,(]|$)", re.ASCII)
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]{0,1445}<(?:!--|(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV"
    rb"|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P)[ >\t\n\f\r])",
    re.IGNORECASE,
)


class ContentType(NamedTuple):
    """`essence` is `text/html`, in lower case, or empty; `charset` as the header spells it."""

    essence: str
    charset: str | None


def content_type(header: str) -> ContentType:
    """Read a Content-Type, or several joined with commas: the last valid one counts (Fetch)."""
    found = ContentType("", None)
    for part in _split(header, ","):
        essence, *parameters = _split(part, ";")
        match = _ESSENCE.match(essence)
        if match is None or match[1] == "*/*":
            continue
        name = match[1].lower()
        charset = _charset(parameters) or _charset(essence[match.end() :].split())
        found = ContentType(name, charset or (found.charset if name == found.essence else None))
    return found


def looks_like_html(start: bytes | bytearray) -> bool:
    """Whether a browser would take a response of unknown type that starts so for a page."""
    return _HTML.match(start[:SNIFFED_BYTES]) is not None


def _charset(parameters: list[str]) -> str | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip("\"' \t") or None
    return None


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator is not within quotes."""
    parts, start, quoted = [], 0, False
    for i, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]
