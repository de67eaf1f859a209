"""Web addresses, parsed as browsers parse them: the WHATWG URL Standard, in the library ada.

httpx.URL refuses hosts that browsers take (emoji domains, underscores) and raises for them from its
properties, long after it was made. Ada takes what browsers take and answers with plain ASCII.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import ada_url

URL_CHARS_MAX = 1024
HREF_CHARS_MAX = 2 * URL_CHARS_MAX  # as written, before it is parsed
AUTHORITY_CHARS_MAX = 512  # as written; a longer host takes time that grows with its square
_NOT_PRINTED = "".join(map(chr, range(0x21)))  # stripped from both ends by browsers
_LONG_AUTHORITY = re.compile(
    rf"(?:[a-zA-Z][a-zA-Z0-9+.-]{{0,40}}:[/\\]*|[/\\]{{2,}})[^/\\?#]{{{AUTHORITY_CHARS_MAX + 1}}}"
)
_PARSED = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[^/:@\[]+)(?::([0-9]{1,5}))?(/[!-~]*)")


class WebUrl(NamedTuple):
    """An absolute http or https address without fragment or credentials: printable ASCII."""

    text: str
    scheme: str
    host: str  # lower case, punycode; an IPv6 address stands without brackets
    port: int
    authority: str  # host and port, as a Host header names them
    target: str  # path and query, never empty

    def __str__(self) -> str:
        return self.text


def absolute(text: str, base: str) -> str | None:
    """`text` in its normal form, read relative to the absolute address `base`; None if invalid."""
    text = text.strip(_NOT_PRINTED).replace("\t", "").replace("\n", "").replace("\r", "")
    if len(text) > HREF_CHARS_MAX or _LONG_AUTHORITY.match(text):
        return None
    try:
        return ada_url.join_url(base, text)
    except ValueError:
        return None


def page_url(text: str, base: WebUrl | str | None = None) -> WebUrl | None:
    """An http or https address of at most URL_CHARS_MAX characters; None: `text` is none.

    Credentials make it none: a page must not make other people's machines log in anywhere.
    """
    found = absolute(text, "about:blank" if base is None else str(base))
    if found is None:
        return None
    href = found.partition("#")[0]
    parts = _PARSED.fullmatch(href)
    if parts is None or len(href) > URL_CHARS_MAX:
        return None
    scheme, host, port, target = parts.groups()
    number = int(port) if port else {"http": 80, "https": 443}[scheme]
    if not 0 < number < 2**16:
        return None
    authority = f"{host}:{port}" if port else host
    return WebUrl(href, scheme, host.strip("[]"), number, authority, target)


def is_long(text: str, base: str) -> bool:
    """Whether `text` is no page_url for its length alone."""
    found = absolute(text, base)
    return (
        found is not None
        and len(found.partition("#")[0]) > URL_CHARS_MAX
        and found.startswith("http")
    )
