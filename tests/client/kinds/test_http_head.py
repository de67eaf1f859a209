"""The heads of answers, odd and broken, as a strict parser gets them."""

from __future__ import annotations

import time

import h11
import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._http_head import HEAD_BYTES_MAX, HeadReader, _fields
from tests.client.kinds import steady

OK = b"HTTP/1.1 200 OK\r\n"


def mended(head: bytes, size: int = 10_000) -> bytes:
    reader = HeadReader()
    for start in range(0, len(head), size):
        if whole := reader.feed(head[start : start + size]):
            return whole + head[start + size :]
    return reader.rest()


def of_h11(head: bytes) -> object:
    """What h11 makes of a mended head."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "h")]))
    connection.receive_data(head)
    return connection.next_event()


def response(head: bytes) -> h11.Response:
    event = of_h11(mended(head))
    assert isinstance(event, h11.Response)
    return event


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"http/1.1 200 OK",
        b"HTTP/1.1 200OK", b"HTTP/1.0\t200 OK",
        b"HTTP/1.1  200 \xff\x00\x01", b"HTTP/2 200", b"HTTP/1.9 200 OK", b"ICY 200 OK",
        b"\r\n\r\nHTTP/1.1 200 OK",
        b"xx\x00HTTP/1.1 200 OK", b"HTTP/1.1 200 " + b"x" * 9999,
    ],
)  # fmt: skip
def test_a_status_line_that_browsers_take(start):
    assert response(start + b"\r\nContent-Type: text/html\r\n\r\n").status_code == 200


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"hello",
        b"HTTP/1.1",
        b"HTTP/1.1 OK",
        b"HTTP/1.1 2000",
        b"HTTP/1.1 000 no",
        b"SSH-2.0-x",
        b"\x15\x03\x01",
    ],
)
def test_what_is_not_http_is_refused_without_waiting(start):
    with pytest.raises(httpcore.RemoteProtocolError, match="not HTTP"):
        HeadReader().feed(start + b"x" * 300)
    with pytest.raises(httpcore.RemoteProtocolError, match="not HTTP"):
        HeadReader().feed(start + b"\r\nx: y\r\n\r\n" if start else b"x\r\n")


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"Content-Type: text/html", b"text/html"),
        (b"content-TYPE:text/html", b"text/html"),
        (b"Content-Type : text/html  ", b"text/html"),
        (b"Content-Type:\r\n text/html;\r\n\tcharset=x", b"text/html; charset=x"),
        (b"Content-Type: text/html\r\nContent-Type: text/plain", b"text/html, text/plain"),
        (b"Content-Type: text/html\x00\x01\x7f;\x0bx", b"text/html ; x"),
        (
            b"no colon\r\n: no name\r\n(null): x\r\nB\xe4d N\x00me: x\r\nContent-Type: text/html",
            b"text/html",
        ),
        (b" folded at first\r\nContent-Type: text/html", b"text/html"),
        (b"Content-Type: text/html\r\nbroken\r\n of that", b"text/html"),
        (b"Content-Type: text/html\r\nX: " + b"y" * 70_000, b"text/html"),
        (
            b"\r\n".join(b"X-%d: y" % i for i in range(5000)) + b"\r\nContent-Type: text/html",
            b"text/html",
        ),
    ],
)
def test_header_lines_that_browsers_take(line, kept):
    assert dict(response(OK + line + b"\r\n\r\n").headers)[b"content-type"] == kept
    bare = (OK + line + b"\r\n\r\n").replace(b"\r\n", b"\n")
    assert dict(response(bare).headers)[b"content-type"] == kept


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (b"Content-Length: 3\r\nContent-Length: 3", {b"content-length": b"3"}),
        (b"Content-Length: 3, 3", {b"content-length": b"3"}),
        (b"Content-Length: 3\r\nContent-Length: 03", {b"content-length": b"3"}),
        (b"Content-Length: three", {}),
        (b"Content-Length: -3", {}),
        (b"Content-Length: " + b"9" * 5000, {}),
        (b"Content-Length:", {}),
        (b"Transfer-Encoding: Chunked\r\nContent-Length: 3", {b"transfer-encoding": b"chunked"}),
        (b"Transfer-Encoding: gzip, chunked", {b"transfer-encoding": b"chunked"}),
        (
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            {b"transfer-encoding": b"chunked"},
        ),
        (b"Transfer-Encoding: identity\r\nContent-Length: 3", {b"content-length": b"3"}),
        (b"Location: /a\r\nLocation: /b", {b"location": b"/a"}),
        (b"Connection: Keep-Alive, CLOSE", {b"connection": b"close"}),
        (b"Set-Cookie: a=b\r\nUpgrade: h2c\r\nTrailer: x", {}),
    ],
)
def test_where_the_body_ends_is_plain(lines, kept):
    assert dict(response(OK + lines + b"\r\n\r\n").headers) == kept


def test_two_lengths_stay_an_error():
    with pytest.raises(httpcore.RemoteProtocolError, match="two lengths"):
        mended(OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")


def test_an_old_server_s_chunks_are_no_chunks():
    assert b"chunked" not in mended(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_answers_beforehand_are_passed_over():
    early = b"HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    for size in (1, 7, 10_000):
        assert mended(early + OK + b"Content-Length: 1\r\n\r\nx", size) == (
            b"HTTP/1.1 200 \r\ncontent-length: 1\r\n\r\nx"
        )


def test_the_body_is_left_as_it_is():
    body = b"\r\n\r\nHTTP/1.1 500 no\r\nContent-Type: x\r\n\r\n\x00\xff"
    for size in (1, 3, 10_000):
        assert mended(OK + b"\r\n" + body, size).endswith(b"HTTP/1.1 200 \r\n\r\n" + body)


@pytest.mark.parametrize("piece", [b"X: y\r\n", b"\r\n", b" x", b"X", b"HTTP/1.1 100 x\r\n\r\n"])
def test_a_head_without_end_is_given_up_in_linear_time(piece):
    reader, sent, begun = HeadReader(), OK, time.process_time()
    with pytest.raises(httpcore.RemoteProtocolError):
        for _ in range(4 * HEAD_BYTES_MAX // 1000):
            reader.feed(sent + (piece * 1000)[:1000])
            sent = b""
    assert time.process_time() - begun < 5  # hundredths


def test_a_value_folded_over_many_lines_is_joined_in_linear_time():
    lines = b"Content-Type: text/html\n" + b" \n" * 800_000  # far beyond HEAD_BYTES_MAX
    begun = time.process_time()
    assert _fields(lines)[b"content-type"][0].startswith(b"text/html")
    assert time.process_time() - begun < 3  # half a second; in quadratic time it takes ten


@steady
@given(st.lists(st.sampled_from([b"a: 1", b"A:2", b" 3", b"\t4", b"broken", b"", b" "])))
def test_folded_lines_continue_the_field_before_them(lines):
    """Compare with the plain description: each folded line is appended to the last value."""
    expected: dict[bytes, list[bytes]] = {}
    current: list[bytes] | None = None
    for line in lines:
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t"):
            if current:
                current[-1] += b" " + line.strip()
        elif colon:
            current = expected.setdefault(name.lower(), [])
            current.append(value.strip())
        else:
            current = None
    assert _fields(b"\n".join(lines)) == expected


@steady
@given(
    st.lists(
        st.binary(max_size=20)
        | st.sampled_from([OK, b"\r\n", b"\n", b": ", b" ", b"\t", b"5", b", "])
        | st.sampled_from(
            [b"Content-Length:", b"\nTransfer-Encoding:", b"chunked", b"\nLocation:", b"close"]
        )
    ).map(b"".join)
)
def test_every_head_is_refused_or_fit_for_h11(head):
    for data in (head + b"\r\n\r\n", OK + head + b"\r\n\r\n"):
        try:
            whole = HeadReader().feed(data)
        except httpcore.RemoteProtocolError:
            continue
        if whole:
            assert isinstance(of_h11(whole), h11.Response)
