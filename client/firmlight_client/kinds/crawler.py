"""CRAWLER: pages, titles and links of web sites, breadth-first, from public addresses only."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec

from firmlight_client import network
from firmlight_client.kinds import BadPartial, Kind, ParamsError
from firmlight_client.kinds._crawl_partial import PAGES_MAX, URLS_MAX, CrawlPartial
from firmlight_client.kinds.checking import check_places, packed_in_order, require

CRAWL_SECONDS_MAX = 1500.0  # then the crawl of one start URL ends with what it has
SITE_BYTES_MAX = 6 * 2**20  # of one site: a partial has a limit (8 MiB by default) …
SITES_BYTES_MAX = 200 * 2**20  # … and so has the result of all sites
ADDRESS = r"^\s*[Hh][Tt][Tt][Pp][Ss]?://\S+\s*$"


class CrawlerParams(msgspec.Struct, forbid_unknown_fields=True):
    """Where to start, how far to go."""

    urls: Annotated[
        list[Annotated[str, msgspec.Meta(extra_json_schema={"pattern": ADDRESS})]],
        msgspec.Meta(
            title="Addresses",
            description="Where to start: http or https, 1 to 100 of them.",
            examples=[["https://www.example.com/"]],
            extra_json_schema={"minItems": 1, "maxItems": URLS_MAX},
        ),
    ]
    limit: Annotated[
        int,
        msgspec.Meta(
            title="Pages",
            description="How many pages from each address at most, 1 to 2,000.",
            examples=[20],
            extra_json_schema={"minimum": 1, "maximum": PAGES_MAX},
        ),
    ] = 20
    same_host: Annotated[
        bool,
        msgspec.Meta(
            title="Same host", description="Stay on the host of each address.", examples=[True]
        ),
    ] = True

    def __post_init__(self) -> None:
        from firmlight_client.kinds._web_url import URL_CHARS_MAX, page_url

        self.urls = list(dict.fromkeys(url.strip() for url in self.urls))
        if not self.urls:
            raise ParamsError("At least one address.", "urls")
        if len(self.urls) > URLS_MAX:
            raise ParamsError(f"At most {URLS_MAX:,} addresses.", "urls")
        for url in self.urls:
            if len(url) > URL_CHARS_MAX:
                raise ParamsError(
                    f"{url[:80]!r}… is longer than {URL_CHARS_MAX:,} characters.", "urls"
                )
            if not re.match(ADDRESS, url) or not url.isprintable() or page_url(url) is None:
                raise ParamsError(
                    f"{url[:80]!r} is not an address that begins with http:// or https://.", "urls"
                )
        if self.limit < 1:
            raise ParamsError("At least one page.", "limit")
        if self.limit > PAGES_MAX:
            raise ParamsError(f"At most {PAGES_MAX:,} pages.", "limit")


class Crawler(Kind):
    """Crawls each start URL as one subtask.

    Payload `[i, url, limit, same_host, bytes_max]` for start URL number i; partial `[[i, site],
    …]`.

    Pages change and sites go down, so two crawls of one site need not have a page in common. What
    `check` and `same` compare is what was asked for: pages that are invented consistently pass.
    """

    name, title, version = "CRAWLER", "Pages and links of web sites", "1"
    Params = CrawlerParams
    Partial = CrawlPartial
    deterministic = False
    comparable = False  # and no site is asked twice for the sake of it
    network = "public"
    subtask_seconds_max = CRAWL_SECONDS_MAX + 60

    def summary(self, params: CrawlerParams) -> list[tuple[str, str]]:
        return [
            ("Addresses", str(len(params.urls))),
            ("Pages at most", f"{len(params.urls) * params.limit:,}"),
        ]

    def split(self, params: CrawlerParams) -> Iterator[list[Any]]:
        bytes_max = min(SITE_BYTES_MAX, SITES_BYTES_MAX // len(params.urls))
        for i, url in enumerate(params.urls):
            yield [i, url, params.limit, params.same_host, bytes_max]

    def run(self, payload: list[Any]) -> list[list[Any]]:
        from firmlight_client.kinds._crawl import crawl

        index, *site = payload
        until = time.monotonic() + CRAWL_SECONDS_MAX
        return [[index, crawl(*site, until=until, private=network.private_allowed())]]

    def combine(self, a: list[Any], b: list[Any]) -> list[Any]:
        return sorted(a + b, key=lambda entry: entry[0])

    def check(
        self,
        partial: Sequence[Any],
        subtasks: Sequence[int],
        payloads: Sequence[Any] | None,
        params: CrawlerParams,
    ) -> None:
        """Each site must be one that was asked for, within what was asked of it.

        That is: just the sites of these subtasks, from their start addresses, at most `limit`
        pages, none twice, each read with success, and on the host of the start if so asked.
        """
        check_places([i for i, _ in partial], subtasks)
        for i, site in partial:
            _check_start(i, site, params)
            _check_pages(site, params)

    def canonical(self, partial: Sequence[Any]) -> bytes:
        return packed_in_order(
            sorted(partial, key=lambda entry: (entry[0], packed_in_order(entry)))
        )

    def same(self, a: Sequence[Any], b: Sequence[Any]) -> bool:
        """Whether both crawled the same sites from the same addresses.

        It believes all else, a site without a page too: it may have been down for one of them.
        """
        return _starts(a) == _starts(b)

    def finish(self, partial: Sequence[Any], params: CrawlerParams) -> dict[str, Any]:
        """The sites in the order of their addresses. Raises BadPartial unless all are there."""
        check_places([i for i, _ in partial], range(len(params.urls)))
        return self.finish_incomplete(partial, params)

    def finish_incomplete(self, partial: Sequence[Any], params: CrawlerParams) -> dict[str, Any]:
        found = dict[int, dict[str, Any]]()
        for i, site in partial:
            _check_start(i, site, params)
            found[i] = site
        return {"sites": [found.get(i) or _uncrawled(url) for i, url in enumerate(params.urls)]}


def _starts(partial: Sequence[Any]) -> list[tuple[int, str]]:
    return sorted((i, site["url"]) for i, site in partial)


def _check_start(i: int, site: dict[str, Any], params: CrawlerParams) -> None:
    if i >= len(params.urls) or site["url"] != params.urls[i]:
        raise BadPartial(f"site {i} was crawled from another address than was asked for")


def _check_pages(site: dict[str, Any], params: CrawlerParams) -> None:
    from firmlight_client.kinds._web_url import page_url

    start, pages = page_url(site["url"]), site["pages"]
    require(len(pages) <= params.limit, "a site has more pages than were asked for")
    urls = [page_url(page["url"]) for page in pages]
    for page, url in zip(pages, urls, strict=True):
        require(url is not None and str(url) == page["url"], "the address of a page is none")
        require(200 <= page["status"] < 300, "a page was not read with success")
        if params.same_host and start is not None and url is not None:
            require(url.host == start.host, "a page is on another host")
    require(len(set(urls)) == len(urls), "a site has the same page twice")


def _uncrawled(url: str) -> dict[str, Any]:
    """The result of a site whose subtask failed permanently, in a task that goes on without it."""
    return {"url": url, "pages": [], "errors": [{"url": url, "reason": "no worker could crawl it"}]}
