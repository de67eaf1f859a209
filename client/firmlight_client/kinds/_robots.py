"""Manners: what robots.txt allows (RFC 9309), and the pause between two requests to one host."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

from protego import Protego

from firmlight_client.kinds._encoding import page_text
from firmlight_client.kinds._public_address import Failed, Refused, Unreachable
from firmlight_client.kinds._public_http import ROBOT, Http, OutOfTime
from firmlight_client.kinds._web_url import WebUrl, page_url

DELAY_SECONDS = 0.5  # between two requests to one host, unless its robots.txt names another delay
DELAY_SECONDS_MAX = 10.0  # a longer one from robots.txt counts as this
ROBOTS_BYTES_MAX = 500 * 1024  # RFC 9309, 2.5: read at least that much
ROBOTS_REDIRECTS_MAX = 5  # RFC 9309, 2.3.1.2
ROBOTS_LINE_CHARS_MAX = 4096  # a longer line is no rule for an address of at most URL_CHARS_MAX
HOSTS_REMEMBERED_MAX = 10_000
_LINE_END = re.compile(r"\r\n|\r|\n")
_AGENT = re.compile(r"\s{0,99}user[- ]?agent\s{0,99}[:\s]", re.IGNORECASE)
_OF_NO_GROUP = re.compile(r"\s{0,99}(?:site-?maps?|host)\s{0,99}[:\s]", re.IGNORECASE)


class Rules(NamedTuple):
    """What one origin allows us. `failure`: why nothing there may be asked."""

    parser: Protego | None = None
    failure: str = ""
    delay: float = DELAY_SECONDS

    def check(self, url: WebUrl) -> None:
        """Raises Refused unless this URL may be asked."""
        if self.failure:
            raise Refused(self.failure)
        if self.parser is not None and not self.parser.can_fetch(str(url), ROBOT):
            raise Refused("robots.txt forbids it")


class Robots:
    """The rules of every origin met in one crawl, each fetched once."""

    def __init__(self, http: Http, pace: Pace) -> None:
        self._http, self._pace = http, pace
        self._rules: dict[tuple[str, str, int], Rules] = {}

    def rules(self, url: WebUrl) -> Rules:
        """Raises OutOfTime."""
        origin = (url.scheme, url.host, url.port)
        if origin not in self._rules:
            self._rules[origin] = self._fetch(_target(url, "/robots.txt"))
        return self._rules[origin]

    def _fetch(self, url: WebUrl) -> Rules:
        try:
            return self._read(url)
        except Refused as refused:
            return Rules(failure=str(refused))
        except Failed as failed:
            return Rules(failure=f"robots.txt cannot be read, which forbids all: {failed}")

    def _read(self, url: WebUrl) -> Rules:
        """4xx allows all, 5xx nothing; too many redirects count as 4xx (RFC 9309, 2.3.1)."""
        for _ in range(ROBOTS_REDIRECTS_MAX + 1):
            self._pace.wait(url.host, DELAY_SECONDS, self._http.until)
            answer = self._http.get(url, types=(), bytes_max=ROBOTS_BYTES_MAX, cut=True)
            if answer.location is None:
                break
            url = _target(url, answer.location)
        if answer.status >= 500:
            raise Unreachable(f"HTTP {answer.status}")
        if answer.broke_off:
            raise Unreachable("the answer broke off")
        return _parsed(answer.body) if 200 <= answer.status < 300 else Rules()


def _target(url: WebUrl, location: str) -> WebUrl:
    target = page_url(location, url)
    if target is None:
        raise Unreachable("it redirects to no http or https address")
    return target


def _parsed(body: bytes) -> Rules:
    """The rules in a robots.txt; a last line that the size limit may have cut is no rule."""
    text = page_text(body, "utf-8").text
    if len(body) >= ROBOTS_BYTES_MAX:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    parser = Protego.parse("\n".join(_for_us(text)))
    wanted = parser.crawl_delay(ROBOT)
    if wanted is None or not wanted >= 0:  # NaN too
        return Rules(parser)
    return Rules(parser, delay=min(wanted, DELAY_SECONDS_MAX))


def _for_us(text: str) -> Iterator[str]:
    """The lines of the groups that name us or all robots.

    Protego keeps a copy of each rule for each agent of its group: 500 KiB of agents and rules came
    to tens of gigabytes. Of what is left here a group has two agents at most.
    """
    ours, in_agents, named = False, False, set[str]()
    for line in map(_without_comment, _LINE_END.split(text)):
        if not line or len(line) > ROBOTS_LINE_CHARS_MAX or _OF_NO_GROUP.match(line):
            continue
        agent = _AGENT.match(line)
        if agent is None:
            in_agents = False
            if ours:
                yield line
            continue
        if not in_agents:
            ours, in_agents = False, True
            named.clear()
        name = _agent_name(line[agent.end() :])
        if name is not None:
            ours = True
            if name not in named:
                named.add(name)
                yield f"User-agent: {name}"


def _without_comment(line: str) -> str:
    return line.partition("#")[0].strip()


def _agent_name(value: str) -> str | None:
    """`*` or our name, if that is what a User-agent line means; None: it speaks of others."""
    name = value.strip(" \t:").lower()
    if name == "*":
        return name
    token = re.match(r"[a-z_-]{0,99}", name.replace("*", ""))  # RFC 9309, 2.2.1
    return ROBOT if token is not None and token[0] == ROBOT.lower() else None


class Pace:
    """When this process last sent a request to each host.

    It outlives one crawl, because the next may be on the same host.
    """

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}

    def wait(self, host: str, delay: float, until: float) -> None:
        """Sleep until `delay` seconds after the last request to this host.

        Raises OutOfTime if `until` is earlier.
        """
        start = max(time.monotonic(), self._asked.get(host, -delay) + delay)
        if start >= until:
            raise OutOfTime
        time.sleep(max(0.0, start - time.monotonic()))
        if len(self._asked) >= HOSTS_REMEMBERED_MAX:
            self._asked.clear()
        self._asked[host] = time.monotonic()
