"""The head of an HTTP response, rewritten for a strict parser as browsers would read it.

h11 refuses a whole response for one header line that it cannot parse, and with it a page that every
browser shows. We need six headers of a response: this keeps those in their plainest form and drops
the rest. What says where the body ends is only made stricter: two different lengths stay an error.
"""

from __future__ import annotations

import re

import httpcore

HEAD_BYTES_MAX = 256 * 1024  # as in Chromium
_STATUS = re.compile(
    rb".{0,4}?(?:HTTP/([0-9]{1,3})(?:\.([0-9]{1,3}))?|ICY)[ \t]{1,99}([1-9][0-9]{2})(?![0-9])", re.I
)
_END = re.compile(rb"\n\r?\n")
_CONTROL = re.compile(rb"[\x00-\x20\x7f]{1,99}")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_JOINED = (b"content-type", b"content-encoding")  # several lines are a list


class HeadReader:
    """Collects what arrives until the head is complete. Make a new one for each request."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """Return the mended head and what follows it, or nothing while the head is incomplete.

        Raises httpcore.RemoteProtocolError if this is not HTTP.
        """
        searched = max(0, len(self._got) - 3)
        self._got += data
        self._size += len(data)
        while True:
            self._strip_line_ends()
            self._check_start()
            end = _END.search(self._got, searched)
            if end is None:
                if self._size > HEAD_BYTES_MAX:
                    raise httpcore.RemoteProtocolError("the header is too large")
                return b""
            head = bytes(self._got[: end.start()])
            del self._got[: end.end()]
            status, lines = _parsed(head)
            if status == 101:
                raise httpcore.RemoteProtocolError("the answer switches to another protocol")
            if status >= 200:
                return lines + bytes(self._got)
            searched = 0  # 100 Continue and the like: the answer comes next

    def rest(self) -> bytes:
        """The part of the head that arrived before the connection ended, as it is."""
        return bytes(self._got)

    def _strip_line_ends(self) -> None:
        while self._got[:1] in (b"\r", b"\n"):
            del self._got[:1]

    def _check_start(self) -> None:
        """Refuse what is not HTTP by its first line: the end of such a head may never come."""
        line, found, _ = bytes(self._got[:200]).partition(b"\n")
        if (found or len(line) == 200) and _STATUS.match(line) is None:
            raise httpcore.RemoteProtocolError("the answer is not HTTP")


def _parsed(head: bytes) -> tuple[int, bytes]:
    """The status of one head, and the head in a form that h11 parses."""
    first, _, rest = head.partition(b"\n")
    start = _STATUS.match(first)
    if start is None:
        raise httpcore.RemoteProtocolError("the answer is not HTTP")
    major, minor, status = start.groups()
    modern = (int(major or 1), int(minor or 0)) >= (1, 1)
    lines = [b"HTTP/1.%d %s " % (modern, status)]
    lines += [name + b": " + value for name, value in _kept(_fields(rest), modern)]
    return int(status), b"\r\n".join(lines) + b"\r\n\r\n"


def _fields(lines: bytes) -> dict[bytes, list[bytes]]:
    """Header values by the name of their field in lower case; malformed lines are left out.

    A line that begins with a blank continues the value before it (RFC 9112, 5.2). The pieces of a
    value are joined once, at the end: a server may fold one value over a hundred thousand lines.
    """
    fields: dict[bytes, list[list[bytes]]] = {}
    pieces: list[bytes] | None = None  # of the value that a folded line would continue
    for line in lines.split(b"\n"):
        text = _CONTROL.sub(b" ", line).strip()
        if line[:1] in (b" ", b"\t"):
            if pieces is not None:
                pieces.append(text)
            continue
        name, colon, value = text.partition(b":")
        if not colon:
            pieces = None
            continue
        pieces = [value.strip()]
        fields.setdefault(name.strip().lower(), []).append(pieces)
    return {name: [b" ".join(value) for value in values] for name, values in fields.items()}


def _kept(fields: dict[bytes, list[bytes]], modern: bool) -> list[tuple[bytes, bytes]]:
    kept = [(name, b", ".join(fields[name])) for name in _JOINED if name in fields]
    if b"location" in fields:
        kept.append((b"location", fields[b"location"][0]))
    if b"close" in _tokens(fields, b"connection"):
        kept.append((b"connection", b"close"))
    if modern and b"chunked" in _tokens(fields, b"transfer-encoding"):
        kept.append((b"transfer-encoding", b"chunked"))
    else:
        lengths = {
            int(each) for each in _tokens(fields, b"content-length") if _LENGTH.fullmatch(each)
        }
        if len(lengths) > 1:
            raise httpcore.RemoteProtocolError("the header gives two lengths")
        kept += [(b"content-length", b"%d" % length) for length in lengths]
    return kept


def _tokens(fields: dict[bytes, list[bytes]], name: bytes) -> list[bytes]:
    return [token.strip().lower() for value in fields.get(name, []) for token in value.split(b",")]
