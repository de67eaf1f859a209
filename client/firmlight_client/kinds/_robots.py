"""Manners: what robots.txt allows (RFC 9309) and how long to wait between two requests to one host."""

from __future__ import annotations

import time
from typing import NamedTuple

import httpx
from protego import Protego

from firmlight_client.kinds._public_http import ROBOT, Failed, Http, OutOfTime, Refused, Unreachable

DELAY_SECONDS = 0.5  # between two requests to one host, unless its robots.txt names another delay
DELAY_SECONDS_MAX = 10.0  # a longer one from robots.txt counts as this
ROBOTS_BYTES_MAX = 500 * 1024  # RFC 9309, 2.5: read at least that much
ROBOTS_REDIRECTS_MAX = 5  # RFC 9309, 2.3.1.2
HOSTS_REMEMBERED_MAX = 10_000


class Rules(NamedTuple):
    """What one origin allows us. `failure`: why nothing there may be asked."""

    parser: Protego | None = None
    failure: str = ""
    delay: float = DELAY_SECONDS

    def check(self, url: httpx.URL) -> None:
        """Raises Refused unless this URL may be asked."""
        if self.failure:
            raise Refused(self.failure)
        if self.parser is not None and not self.parser.can_fetch(str(url), ROBOT):
            raise Refused("robots.txt forbids it")


class Robots:
    """The rules of every origin met in one crawl, each fetched once."""

    def __init__(self, http: Http, pace: Pace) -> None:
        self._http, self._pace = http, pace
        self._rules: dict[tuple[str, str, int | None], Rules] = {}

    def rules(self, url: httpx.URL) -> Rules:
        """Raises OutOfTime."""
        origin = (url.scheme, url.host, url.port)
        if origin not in self._rules:
            self._rules[origin] = self._fetch(url.copy_with(raw_path=b"/robots.txt"))
        return self._rules[origin]

    def _fetch(self, url: httpx.URL) -> Rules:
        try:
            return self._read(url)
        except Refused as refused:
            return Rules(failure=str(refused))
        except Failed as failed:
            return Rules(failure=f"robots.txt cannot be read, which forbids all: {failed}")

    def _read(self, url: httpx.URL) -> Rules:
        """4xx allows all, 5xx nothing; too many redirects count as 4xx (RFC 9309, 2.3.1)."""
        for _ in range(ROBOTS_REDIRECTS_MAX + 1):
            self._pace.wait(url.host, DELAY_SECONDS, self._http.until)
            answer = self._http.get(url, types=(), bytes_max=ROBOTS_BYTES_MAX, cut=True)
            if answer.location is None:
                break
            url = _target(url, answer.location)
        if answer.status >= 500:
            raise Unreachable(f"HTTP {answer.status}")
        return _parsed(answer.body) if 200 <= answer.status < 300 else Rules()


def _target(url: httpx.URL, location: str) -> httpx.URL:
    try:
        target = url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise Unreachable("it redirects to no address") from None
    if target.scheme not in ("http", "https") or not target.host or target.userinfo:
        raise Unreachable("it redirects to no http address")
    return target


def _parsed(body: bytes) -> Rules:
    parser = Protego.parse(body.decode("utf-8-sig", "replace"))
    wanted = parser.crawl_delay(ROBOT)
    if wanted is None or not wanted >= 0:  # NaN too
        return Rules(parser)
    return Rules(parser, delay=min(wanted, DELAY_SECONDS_MAX))


class Pace:
    """When each host was asked last, by this process: it outlives one crawl, the next may be on the same host."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}

    def wait(self, host: str, delay: float, until: float) -> None:
        """Sleep until `delay` seconds after the last request to this host. Raises OutOfTime if `until` is earlier."""
        start = max(time.monotonic(), self._asked.get(host, -delay) + delay)
        if start >= until:
            raise OutOfTime
        time.sleep(max(0.0, start - time.monotonic()))
        if len(self._asked) >= HOSTS_REMEMBERED_MAX:
            self._asked.clear()
        self._asked[host] = time.monotonic()
