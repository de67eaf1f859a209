"""GET over HTTP/1.1 that reaches public addresses only.

The name is resolved once, every address it has is checked, and the connection goes to a checked address, while Host
header, SNI and certificate keep the name: a second look-up cannot answer differently (DNS rebinding). This holds for
every request, so for robots.txt and redirects too. Nothing is taken from the environment, no proxy either.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import httpcore
import httpx

from firmlight_client import __version__, network

ROBOT = "Firmlight"  # the name that robots.txt may use
USER_AGENT = f"{ROBOT}/{__version__} (crawler of a Firmlight group)"
PUBLIC_PORTS = (80, 443)
REQUEST_SECONDS_MAX = 20.0  # one answer, from look-up to last byte
WAIT_SECONDS_MAX = 10.0  # one read, write or connection
ADDRESSES_TRIED_MAX = 3
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Failed(Exception):
    """This URL gave no page; the text says why."""


class Refused(Failed):
    """We must not ask there."""


class Unreachable(Failed):
    """Nobody answers, or not in HTTP."""


class OutOfTime(Exception):
    """The whole crawl must end now."""


class Answer(NamedTuple):
    """What came back. `body` is empty unless status and type were wanted; `location` only with a redirect."""

    status: int
    content_type: str  # lower case, without parameters
    charset: str | None
    location: str | None
    body: bytes


def is_public(address: str) -> bool:
    """Whether an IP address is globally reachable, also the IPv4 one inside a mapped, 6to4 or NAT64 address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
    if inner is not None:
        return is_public(str(inner))
    return ip in _GLOBAL_UNICAST and ip.is_global  # outside 2000::/3 `is_global` lets too much pass


def checked_addresses(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of a host, all of them public unless `private`. Raises Refused or Unreachable."""
    if not network.host_allowed(host):
        raise Refused(f"{host} is none of the hosts that the owner of this worker lets tasks reach")
    if not private and port not in PUBLIC_PORTS:
        raise Refused(f"port {port} is not allowed, only 80 and 443")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"the name {host} cannot be resolved") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not private and not is_public(address):
            raise Refused(f"{host} has the address {address}, which is not public")
    return addresses


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
    """A connection whose every wait ends with the request's time: a byte now and then does not keep it alive."""

    def __init__(self, inner: httpcore.NetworkStream, clock: _Clock) -> None:
        self._inner, self._clock = inner, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._clock.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
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
                inner = self._plain.connect_tcp(address, port, self._clock.left(timeout), socket_options=socket_options)
                return _Stream(inner, self._clock)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


@cache
def _system_trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class Http:
    """A few kept connections, one request at a time, all of them before `until` (monotonic seconds)."""

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

    def get(self, url: httpx.URL, *, types: tuple[str, ...], bytes_max: int, cut: bool = False) -> Answer:
        """Ask once, without following redirects; read the body if the status is 2xx and the type one of `types`.

        No types: any. A longer body than `bytes_max` fails, or with `cut` ends there. Raises Failed, OutOfTime.
        """
        self._clock.until = min(self.until, time.monotonic() + REQUEST_SECONDS_MAX)
        if self._clock.until <= time.monotonic():
            raise OutOfTime
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        waits = dict.fromkeys(("connect", "read", "write", "pool"), WAIT_SECONDS_MAX)
        headers = _headers(url, types)
        try:
            with self._pool.stream("GET", target, headers=headers, extensions={"timeout": waits}) as response:
                return _answer(response, types, bytes_max, cut)
        except httpcore.TimeoutException:
            raise Unreachable("no complete answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, ValueError) as error:  # ValueError: a name TLS refuses
            raise Unreachable(f"no connection: {error}") from None


def _headers(url: httpx.URL, types: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    accept = (", ".join(types) or "*/*").encode()
    agent = USER_AGENT.encode()
    return [(b"Host", url.netloc), (b"User-Agent", agent), (b"Accept", accept), (b"Accept-Encoding", b"gzip")]


def _answer(response: httpcore.Response, types: tuple[str, ...], bytes_max: int, cut: bool) -> Answer:
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
    content_type, _, parameters = headers.get("content-type", "").partition(";")
    content_type = content_type.strip().lower()
    charset = parameters.partition("charset=")[2].partition(";")[0].strip("\"' ") or None
    wanted = 200 <= response.status < 300 and (not types or content_type in types)
    body = _body(response, headers, bytes_max, cut) if wanted else b""
    location = headers.get("location") if 300 <= response.status < 400 else None
    return Answer(response.status, content_type, charset, location, body)


def _body(response: httpcore.Response, headers: dict[str, str], bytes_max: int, cut: bool) -> bytes:
    """The body, unpacked no further than the cap: a small answer can hold gigabytes."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise Failed(f"the answer is encoded as {encoding[:40]}")
    unpack = zlib.decompressobj(31) if encoding.endswith("gzip") else None
    body = bytearray()
    try:
        for piece in response.iter_stream():
            body += unpack.decompress(piece, bytes_max + 1 - len(body)) if unpack else piece
            if len(body) > bytes_max:
                break
    except zlib.error:
        raise Failed("the answer is not the gzip it claims to be") from None
    if len(body) > bytes_max and not cut:
        raise Failed(f"larger than {bytes_max / 2**20:g} MiB")
    return bytes(body[:bytes_max])
