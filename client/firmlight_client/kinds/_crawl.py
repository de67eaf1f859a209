"""The crawl of one start URL: breadth-first, with manners, and never longer or larger than it may be."""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from typing import Any

import httpx

from firmlight_client.kinds._page import HTML_TYPES, page_url, title_and_links
from firmlight_client.kinds._public_http import Answer, Failed, Http, OutOfTime, Refused
from firmlight_client.kinds._robots import Pace, Robots

PAGE_BYTES_MAX = 2 * 2**20
REDIRECTS_MAX = 5
ERRORS_MAX = 500  # of one site, then its crawl ends
WAITING_MAX = 20_000  # URLs known but not asked yet
_pace = Pace()


def crawl(url: str, limit: int, same_host: bool, bytes_max: int, *, until: float, private: bool) -> dict[str, Any]:
    """`{"url", "pages", "errors"}` of what is found before `until` (by time.monotonic()).

    `private` lets it reach addresses that are not public.
    """
    with Http(private=private, until=until) as http:
        return Crawl(http, url, limit, same_host, bytes_max).run()


class Crawl:
    """One start URL, breadth-first."""

    def __init__(self, http: Http, start: str, limit: int, same_host: bool, bytes_max: int) -> None:
        first = page_url(start)
        if first is None:
            raise ValueError(f"{start!r} is no address")
        self._start, self._limit, self._bytes_left = start, limit, bytes_max
        self._links_bytes_left = bytes_max // 2  # so that the links of a few pages do not crowd out the others
        self._host = first.host if same_host else None
        self._http, self._robots = http, Robots(http, _pace)
        self._waiting, self._known = deque([first]), {str(first)}
        self._pages: list[dict[str, Any]] = []
        self._errors: list[dict[str, str]] = []

    def run(self) -> dict[str, Any]:
        """`{"url", "pages", "errors"}`; whatever ends it early stands last in the errors."""
        try:
            while self._waiting and len(self._pages) < self._limit:
                self._visit(self._waiting.popleft())
        except OutOfTime:
            self._fail(self._start, "the crawl ended early: its time was over")
        except _Full as full:
            self._fail(self._start, f"the crawl ended early: {full}")
        return {"url": self._start, "pages": self._pages, "errors": self._errors}

    def _visit(self, url: httpx.URL) -> None:
        try:
            self._read(url)
        except Failed as failed:
            self._spend(len(str(url)) + len(str(failed)))
            self._fail(str(url), str(failed))
            if len(self._errors) >= ERRORS_MAX:
                raise _Full(f"{ERRORS_MAX} errors") from None

    def _fail(self, url: str, reason: str) -> None:
        self._errors.append({"url": url, "reason": reason[:300]})

    def _read(self, url: httpx.URL) -> None:
        """Fetch one page, through its redirects, and take note of it."""
        passed = {str(url)}
        for _ in range(REDIRECTS_MAX + 1):
            answer = self._ask(url)
            if answer.location is None:
                return self._take(url, answer)
            url = self._redirected(url, answer.location)
            if str(url) in passed:
                raise Failed("it redirects in a circle")
            if str(url) in self._known:
                return None  # it has its own turn
            passed.add(str(url))
            self._known.add(str(url))
        raise Failed(f"more than {REDIRECTS_MAX} redirects")

    def _ask(self, url: httpx.URL) -> Answer:
        rules = self._robots.rules(url)
        rules.check(url)
        _pace.wait(url.host, rules.delay, self._http.until)
        return self._http.get(url, types=HTML_TYPES, bytes_max=PAGE_BYTES_MAX)

    def _redirected(self, url: httpx.URL, location: str) -> httpx.URL:
        target = page_url(location, url)
        if target is None:
            raise Refused(f"it redirects to {location[:100]!r}, which is no http or https address")
        if not self._here(target):
            raise Refused(f"it redirects to another host, {target.host}")
        return target

    def _here(self, url: httpx.URL) -> bool:
        return self._host is None or url.host == self._host

    def _take(self, url: httpx.URL, answer: Answer) -> None:
        if not 200 <= answer.status < 300:
            raise Failed(f"HTTP {answer.status} {_phrase(answer.status)}".strip())
        if answer.content_type not in HTML_TYPES:
            raise Failed(f"not a page but {answer.content_type[:80] or 'of no known type'}")
        title, links = title_and_links(answer.body, answer.charset, url)
        self._spend(len(str(url)) + len(title.encode()) + 60)
        page = {"url": str(url), "status": answer.status, "title": title, "links": self._kept(links)}
        self._pages.append(page)
        self._follow(links)

    def _follow(self, links: list[httpx.URL]) -> None:
        for link in links:
            if len(self._waiting) < WAITING_MAX and self._here(link) and str(link) not in self._known:
                self._known.add(str(link))
                self._waiting.append(link)

    def _kept(self, links: list[httpx.URL]) -> list[str]:
        """As many of the links as there is room for."""
        kept = []
        for link in map(str, links):
            self._links_bytes_left -= len(link) + 8
            if self._links_bytes_left < 0:
                break
            self._spend(len(link) + 8)
            kept.append(link)
        return kept

    def _spend(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise _Full("its result grew too large")


class _Full(Exception):
    """Neither time nor manners, but the result's size ends the crawl."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
