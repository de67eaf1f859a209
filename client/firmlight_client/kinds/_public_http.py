"""GET over HTTP/1.1 that reaches public addresses only.

The name is resolved once, every address it has is checked, and the connection goes to a checked
address, while Host header, SNI and certificate keep the name: a second look-up cannot answer
differently (DNS rebinding). This holds for every request, so for robots.txt and redirects too.
Nothing is taken from the environment, no proxy either.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import httpcore
import httpx

from firmlight_client.kinds._content_type import (
    SNIFFED_BYTES,
    UNKNOWN_TYPES,
    content_type,
    looks_like_html,
)
from firmlight_client.kinds._http_head import HeadReader
from firmlight_client.kinds._public_address import Failed, Unreachable, checked_addresses
from firmlight_client.kinds._unpacking import CannotUnpack, unpacker
from firmlight_client.kinds._web_url import WebUrl
from firmlight_client.version import __version__

ROBOT = "Firmlight"  # the name that robots.txt may use
USER_AGENT = f"{ROBOT}/{__version__} (crawler of a Firmlight group)"
REQUEST_SECONDS_MAX = 20.0  # one answer, from look-up to last byte
WAIT_SECONDS_MAX = 10.0  # one read, write or connection
ADDRESSES_TRIED_MAX = 3
WIRE_BYTES_MARGIN = 64 * 1024  # what a packed body may have beyond the limit of what it unpacks to
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


class OutOfTime(Exception):
    """The whole crawl must end now."""


class Answer(NamedTuple):
    """A response.

    `body` is empty unless status and type were wanted; `location` is set only for a redirect.
    """

    status: int
    content_type: str  # lower case, without parameters; if missing, what the bytes look like
    charset: str | None
    location: str | None
    body: bytes
    broke_off: bool = False  # the connection ended within the body; `body` is what came


class _Clock:
    """Until when the current request may last (monotonic seconds)."""

    until = 0.0

    def left(self, wanted: float | None) -> float:
        """Seconds that one wait may take. Raises httpcore.ReadTimeout when there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if wanted is None else min(left, wanted)


class _Stream(httpcore.NetworkStream):
    """A connection on which every wait ends with the request's time.

    So a byte now and then does not keep it alive. The head of each response is mended on its way to
    h11, see HeadReader. We send one request at a time, and none with a body: what is read after a
    write begins with a head.
    """

    def __init__(self, inner: httpcore.NetworkStream, clock: _Clock) -> None:
        self._inner, self._clock = inner, clock
        self._head: HeadReader | None = None
        self._is_kept = False  # an earlier request was answered here
        self._is_answered = False  # something came since the last request

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._receive(max_bytes, timeout)
        while self._head is not None:
            if not data:
                data, self._head = self._head.rest(), None
            elif mended := self._head.feed(data):
                data, self._head = mended, None
            else:
                data = self._receive(max_bytes, timeout)
        return data

    def _receive(self, max_bytes: int, timeout: float | None) -> bytes:
        """What comes next.

        A server may end a kept connection just when we ask again: the pool asks on another one
        then, as browsers do (RFC 9112, 9.3.1).
        """
        may_be_over = self._is_kept and not self._is_answered
        try:
            data = self._inner.read(max_bytes, self._clock.left(timeout))
        except httpcore.ReadError:
            if may_be_over:
                raise httpcore.ConnectionNotAvailable from None
            raise
        if may_be_over and not data:
            raise httpcore.ConnectionNotAvailable
        self._is_answered = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._is_kept, self._is_answered = self._is_kept or self._is_answered, False
        self._head = HeadReader()
        self._inner.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._clock.left(timeout))
        return _Stream(inner, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects to checked addresses: the pool and TLS above it know the name only."""

    def __init__(self, clock: _Clock, *, private: bool) -> None:
        self._clock, self._private, self._plain = clock, private, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = Unreachable(f"the name {host} has no address")
        for address in checked_addresses(host, port, private=self._private)[:ADDRESSES_TRIED_MAX]:
            try:
                inner = self._plain.connect_tcp(
                    address, port, self._clock.left(timeout), socket_options=socket_options
                )
                return _Stream(inner, self._clock)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


@cache
def _system_trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class Http:
    """A few kept connections for one request at a time, until `until` (monotonic seconds)."""

    def __init__(self, *, private: bool, until: float, trust: ssl.SSLContext | None = None) -> None:
        self.until, self._clock = until, _Clock()
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust or _system_trust(),
            max_connections=8,
            keepalive_expiry=30.0,
            network_backend=_Backend(self._clock, private=private),
        )

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def get(
        self, url: WebUrl, *, types: tuple[str, ...], bytes_max: int, cut: bool = False
    ) -> Answer:
        """Send one request, without following redirects.

        The body is read if the status is 2xx and the type one of `types`; without types any is
        read. A body longer than `bytes_max` fails, or with `cut` ends there. Raises Failed and
        OutOfTime.
        """
        self._clock.until = min(self.until, time.monotonic() + REQUEST_SECONDS_MAX)
        if self._clock.until <= time.monotonic():
            raise OutOfTime
        target = httpcore.URL(
            scheme=url.scheme.encode(),
            host=url.host.encode(),
            port=url.port,
            target=url.target.encode(),
        )
        waits = dict.fromkeys(("connect", "read", "write", "pool"), WAIT_SECONDS_MAX)
        headers = _headers(url, types)
        try:
            with self._pool.stream(
                "GET", target, headers=headers, extensions={"timeout": waits}
            ) as response:
                return _answer(response, types, bytes_max, cut)
        except httpcore.TimeoutException:
            raise Unreachable("no complete answer in time") from None
        except CannotUnpack as error:
            raise Failed(f"the answer {error}") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            # ValueError: a name that TLS refuses
            raise Unreachable(f"no connection: {error}") from None


def _headers(url: WebUrl, types: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    accept = (", ".join(types) or "*/*").encode()
    return [
        (b"Host", url.authority.encode()),
        (b"User-Agent", USER_AGENT.encode()),
        (b"Accept", accept),
        (b"Accept-Encoding", b"gzip"),
    ]


def _answer(
    response: httpcore.Response, types: tuple[str, ...], bytes_max: int, cut: bool
) -> Answer:
    headers = dict(response.headers)  # as HeadReader left them: each once, in lower case
    kind = content_type(headers.get(b"content-type", b"").decode("latin-1"))
    unknown = bool(types) and kind.essence in UNKNOWN_TYPES
    answer = Answer(response.status, kind.essence, kind.charset, _location(response, headers), b"")
    is_wanted = not types or unknown or kind.essence in types
    if not 200 <= response.status < 300 or not is_wanted:
        return answer
    encoding = headers.get(b"content-encoding", b"").decode("latin-1")
    body = _Body(response, encoding, bytes_max, sniff=unknown)
    if unknown:
        answer = answer._replace(content_type="text/html" if body.is_html else "")
        if not body.is_html:
            return answer
    if len(body.data) > bytes_max and not cut:
        raise Failed(f"larger than {bytes_max / 2**20:g} MiB")
    return answer._replace(body=bytes(body.data[:bytes_max]), broke_off=body.broke_off)


def _location(response: httpcore.Response, headers: dict[bytes, bytes]) -> str | None:
    """Where a redirect leads. Bytes beyond ASCII mean themselves, escaped: mostly UTF-8 (Fetch)."""
    location = headers.get(b"location")
    if location is None or not 300 <= response.status < 400:
        return None
    return _BEYOND_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], location).decode("ascii")


class _Body:
    """A body, read to its end, to its limit, or until it turns out to be no page.

    One byte beyond `bytes_max` is read, to see that there is more.
    """

    def __init__(
        self, response: httpcore.Response, encoding: str, bytes_max: int, *, sniff: bool
    ) -> None:
        self.data = bytearray()
        self.broke_off = False
        self.is_html = False
        self._unpacker = unpacker(encoding)
        self._wire_bytes_left = bytes_max + WIRE_BYTES_MARGIN
        self._bytes_max, self._sniff = bytes_max, sniff
        try:
            self._read(response)
        except httpcore.TimeoutException:
            raise
        except (httpcore.NetworkError, httpcore.ProtocolError):
            if not self.data:
                raise
            self.broke_off = True
        self.is_html = looks_like_html(self.data)

    def _read(self, response: httpcore.Response) -> None:
        for piece in response.iter_stream():
            self._wire_bytes_left -= len(piece)
            self._take(piece)
            if len(self.data) > self._bytes_max:
                return
            if self._wire_bytes_left < 0:
                raise Failed("its packed form is larger than what it may unpack to")
            if self._sniff and len(self.data) >= SNIFFED_BYTES and not looks_like_html(self.data):
                return
        if self._unpacker is not None and self.data and not self._unpacker.whole:
            self.broke_off = True

    def _take(self, piece: bytes) -> None:
        if self._unpacker is None:
            self.data += piece
        else:
            self.data += self._unpacker.unpack(piece, self._bytes_max + 1 - len(self.data))
