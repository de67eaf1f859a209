"""The crawl of one start URL: breadth-first, politely, and bounded in time and size."""

from __future__ import annotations

import logging
from collections import deque
from http import HTTPStatus
from typing import Any

from firmlight_client.kinds._page import HTML_TYPES, one_line, title_and_links
from firmlight_client.kinds._public_address import Failed, Refused
from firmlight_client.kinds._public_http import Answer, Http, OutOfTime
from firmlight_client.kinds._robots import Pace, Robots
from firmlight_client.kinds._web_url import WebUrl, page_url

PAGE_BYTES_MAX = 2 * 2**20
REDIRECTS_MAX = 5
ERRORS_MAX = 500  # of one site, then its crawl ends
NOTES_MAX = 8  # sorts of things that were left out of a site's pages, see Crawl._note
REASON_CHARS_MAX = 300  # of an error
WAITING_MAX = 20_000  # URLs known but not asked yet
log = logging.getLogger(__name__)
_pace = Pace()

BROKE_OFF = "the answer broke off; what came of it was read"
NO_ROOM = "some of its links were left out, for the result has a limit"
NOT_REMEMBERED = f"some of its links were not followed: {WAITING_MAX:,} are waiting already"


def crawl(
    url: str, limit: int, same_host: bool, bytes_max: int, *, until: float, private: bool
) -> dict[str, Any]:
    """`{"url", "pages", "errors"}` of what is found before `until` (by time.monotonic()).

    `private` lets it reach addresses that are not public.
    """
    first = page_url(url)
    if first is None:
        reason = "it is no http or https address"
        return {"url": url, "pages": [], "errors": [{"url": url, "reason": reason}]}
    with Http(private=private, until=until) as http:
        return Crawl(http, url, first, limit, same_host, bytes_max).run()


class Crawl:
    """One start URL, breadth-first: `start` as it was typed, `first` as it is asked for."""

    def __init__(
        self,
        http: Http,
        start: str,
        first: WebUrl,
        limit: int,
        same_host: bool,
        bytes_max: int,
    ) -> None:
        self._start, self._limit, self._bytes_left = start, limit, bytes_max
        # Half of it, so that the links of a few pages do not crowd out the other pages.
        self._links_bytes_left = bytes_max // 2
        self._host = first.host if same_host else None
        self._http, self._robots = http, Robots(http, _pace)
        self._waiting, self._known = deque([first]), {str(first)}
        self._pages: list[dict[str, Any]] = []
        self._errors: list[dict[str, str]] = []
        self._notes: dict[str, list[str]] = {}  # what was left out: of which pages

    def run(self) -> dict[str, Any]:
        """Return `{"url", "pages", "errors"}`.

        The last errors say what was left out of pages, and then what ended the crawl early. There
        are at most ERRORS_MAX + NOTES_MAX + 1 errors.
        """
        ended = self._visit_all()
        for what, urls in self._notes.items():
            more = f" (and of {len(urls) - 1:,} more pages)" if len(urls) > 1 else ""
            self._fail(urls[0], what + more)
        if ended:
            self._fail(self._start, f"the crawl ended early: {ended}")
        return {"url": self._start, "pages": self._pages, "errors": self._errors}

    def _visit_all(self) -> str:
        """Return why the crawl ended early, or nothing."""
        try:
            while self._waiting and len(self._pages) < self._limit:
                self._visit(self._waiting.popleft())
        except OutOfTime:
            return "its time was over"
        except _Full as full:
            return str(full)
        return ""

    def _visit(self, url: WebUrl) -> None:
        try:
            return self._read(url)
        except (OutOfTime, _Full):
            raise
        except Failed as failed:
            reason = str(failed)
        except Exception as error:  # no page may make a task of many sites fail
            log.exception("a page could not be read")
            reason = f"it could not be read ({type(error).__name__})"
        self._fail(str(url), reason)
        self._spend(len(str(url)) + len(reason))
        if len(self._errors) >= ERRORS_MAX:
            raise _Full(f"{ERRORS_MAX} errors")

    def _fail(self, url: str, reason: str) -> None:
        self._errors.append({"url": url, "reason": one_line(reason, REASON_CHARS_MAX)})

    def _note(self, url: WebUrl, what: str) -> None:
        """Note what was left out of a page; a site says it once, with the number of pages."""
        assert what in self._notes or len(self._notes) < NOTES_MAX
        self._notes.setdefault(what, []).append(str(url))

    def _read(self, url: WebUrl) -> None:
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

    def _ask(self, url: WebUrl) -> Answer:
        rules = self._robots.rules(url)
        rules.check(url)
        _pace.wait(url.host, rules.delay, self._http.until)
        return self._http.get(url, types=HTML_TYPES, bytes_max=PAGE_BYTES_MAX)

    def _redirected(self, url: WebUrl, location: str) -> WebUrl:
        target = page_url(location, url)
        if target is None:
            raise Refused(f"it redirects to {location[:100]!r}, which is no http or https address")
        if not self._here(target):
            raise Refused(f"it redirects to another host, {target.host[:100]}")
        return target

    def _here(self, url: WebUrl) -> bool:
        return self._host is None or url.host == self._host

    def _take(self, url: WebUrl, answer: Answer) -> None:
        if not 200 <= answer.status < 300:
            raise Failed(f"HTTP {answer.status} {_phrase(answer.status)}".strip())
        if answer.content_type not in HTML_TYPES:
            raise Failed(f"not a page but {answer.content_type[:80] or 'of no known type'}")
        title, links, left_out = title_and_links(answer.body, answer.charset, url)
        self._spend(len(str(url)) + len(title.encode()) + 60)
        kept = self._kept(links)
        page = {"url": str(url), "status": answer.status, "title": title, "links": kept}
        self._pages.append(page)
        for what in left_out:
            self._note(url, what)
        if answer.broke_off:
            self._note(url, BROKE_OFF)
        if len(kept) < len(links):
            self._note(url, NO_ROOM)
        self._follow(url, links)

    def _follow(self, url: WebUrl, links: list[WebUrl]) -> None:
        for link in links:
            if not self._here(link) or str(link) in self._known:
                continue
            if len(self._waiting) >= WAITING_MAX:
                return self._note(url, NOT_REMEMBERED)
            self._known.add(str(link))
            self._waiting.append(link)

    def _kept(self, links: list[WebUrl]) -> list[str]:
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
    """The crawl ends because its result has reached a limit."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
