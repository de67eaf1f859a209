"""What a partial of CRAWLER may be: `[[number of the start address, site], …]`, within limits.

They are those of `_crawl`, `_page` and `_web_url`, which are not imported for them: that takes 0.15
s.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

URLS_MAX, PAGES_MAX = 100, 2000
LINKS_MAX = 1000  # of a page
ERRORS_MAX = 509  # of a site: those of its pages, what was left out of them, and why it ended early
URL_CHARS_MAX = 1024
TITLE_CHARS_MAX, REASON_CHARS_MAX = 200, 300

Url = Annotated[str, Meta(max_length=URL_CHARS_MAX)]


class Page(TypedDict):
    url: Url
    status: Annotated[int, Meta(ge=100, le=999)]
    title: Annotated[str, Meta(max_length=TITLE_CHARS_MAX)]
    links: Annotated[list[Url], Meta(max_length=LINKS_MAX)]


class Fault(TypedDict):
    url: Url
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)]


class Site(TypedDict):
    url: Url
    pages: Annotated[list[Page], Meta(max_length=PAGES_MAX)]
    errors: Annotated[list[Fault], Meta(max_length=ERRORS_MAX)]


Number = Annotated[int, Meta(ge=0, lt=URLS_MAX)]
CrawlPartial = Annotated[list[tuple[Number, Site]], Meta(min_length=1, max_length=URLS_MAX)]
