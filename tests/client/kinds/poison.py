"""Answers that may do a crawler harm: those that browsers show, and those that they do not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.client.kinds.site import Reply, html, redirect

Raw = Callable[[BaseHTTPRequestHandler], None]
PAGE = b"<title>Page</title><a href=/good>good</a>"
BAD_HOSTS = [
    "xn--ls8h.la",
    "xn--a.example",
    "a..b",
    "x" * 300 + ".example",
    "-",
    "%41",
    "[::1",
    "[v1.x]",
    "256.1.1.1",
    "a\x00b",
    "ü" * 99,
]


def raw(*parts: bytes) -> Raw:
    """An answer of exactly these bytes; then the connection ends."""
    return lambda handler: handler.wfile.write(b"".join(parts))


def page(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = PAGE) -> Raw:
    return raw(b"\r\n".join([status, *lines, b"", body]))


HTML = b"Content-Type: text/html"
SHOWN: dict[str, Raw | Reply] = {
    "no reason phrase": page(HTML, status=b"HTTP/1.1 200"),
    "bad header names": page(b"(null): x", b"a b: c", b"\xff: d", b": e", b"no colon", HTML),
    "a folded header": page(b"Content-Type:", b" text/html"),
    "no blank after the colon": page(b"Content-Type:text/html"),
    "a blank before the colon": page(b"Content-Type : text/html"),
    "bare line feeds": raw(b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n" + PAGE),
    "control characters": page(b"X: \x00\x01\x7f", HTML),
    "the length twice": page(HTML, b"Content-Length: %d" % len(PAGE), b"Content-Length: %d" % len(PAGE)),
    "a length that is no number": page(HTML, b"Content-Length: many"),
    "a large header": page(b"X: " + b"x" * 150_000, HTML),
    "many headers": page(*[b"X: y"] * 3000, HTML),
    "no content type": page(),
    "an empty content type": page(b"Content-Type:"),
    "a content type without semicolon": page(b"Content-Type: text/html charset=utf-8"),
    "an odd content type": page(b"Content-Type: TEXT/HTML;;Charset=\"UTF-8\";x"),
    "two content types": page(b"Content-Type: text/plain", HTML),
    "an unknown coding": page(HTML, b"Transfer-Encoding: identity", b"Content-Encoding: utf-8"),
    "gzip that is none": page(HTML, b"Content-Encoding: gzip"),
    "two gzip members": page(HTML, b"Content-Encoding: gzip", body=gzip.compress(PAGE[:9]) + gzip.compress(PAGE[9:])),
    "deflate": page(HTML, b"Content-Encoding: deflate", body=zlib.compress(PAGE)),
    "103 first": raw(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n" + HTML + b"\r\n\r\n" + PAGE),
    "an old server": page(HTML, status=b"HTTP/1.0 200 OK"),
    "deep nesting": page(HTML, body=b"<div>" * 400 + PAGE),
    "bad links": page(HTML, body=b"".join(b"<a href='http://%s/'>" % host.encode() for host in BAD_HOSTS) + PAGE),
    "a bad base": page(HTML, body=b"<base href='http://xn--ls8h.la:x/'>" + PAGE),
    "utf-16": page(HTML, body=b"\xff\xfe" + PAGE.decode().encode("utf-16-le")),
}  # fmt: skip
REASONS: dict[str, tuple[Any, str]] = {
    "a redirect to nowhere": (redirect("http://xn--ls8h.la:x/"), "is no http or https address"),
    "a redirect to a bad host": (redirect("http://xn--ls8h.la/"), "another host, xn--ls8h.la"),
    "a redirect with bytes": (page(b"Location: //\xff\xfe\x80/", status=b"HTTP/1.1 302 x"), "it redirects to"),
    "no http": (raw(b"SSH-2.0-OpenSSH\r\n"), "no connection"),
    "nothing": (raw(b""), "no connection"),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), "no connection"),
    "two lengths": (page(HTML, b"Content-Length: 3", b"Content-Length: 4"), "two lengths"),
    "switching protocols": (page(HTML, status=b"HTTP/1.1 101 Switching Protocols"), "switches to another protocol"),
    "an endless head": (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000), "header is too large"),
    "status 999": (page(HTML, status=b"HTTP/1.1 999 Denied"), "HTTP 999"),
    "bad chunks": (page(HTML, b"Transfer-Encoding: chunked", body=b"zz\r\nx"), "no connection"),
    "broken gzip": (page(HTML, b"Content-Encoding: gzip", body=b"\x1f\x8b\x08\xff\xff"), "not the gzip"),
    "an encoding of the future": (page(HTML, b"Content-Encoding: zstd"), "is encoded as zstd"),
    "a type with control characters": (page(b"Content-Type: a/b;\x07\xff"), "not a page"),
}  # fmt: skip


def site_of_poison() -> dict[str, Any]:
    """The pages of a site whose first one leads to all of it."""
    answers = [*SHOWN.values(), *(answer for answer, _ in REASONS.values())]
    poison = {f"/{i}": answer for i, answer in enumerate(answers)}
    links = [*poison, *(f"http://{host}/" for host in BAD_HOSTS)]
    return {"/": html("Poisoned", *links), **poison}
