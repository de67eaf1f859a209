"""CRAWLER's result: what a page shows of it at first, when opened, and when searched. Pure.

All of it comes from other people's web sites.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tasks.pages.results import tree
from tasks.pages.results.shape import Ask, Incomplete, Shown
from tasks.pages.results.tree import Leaf, Row

TEMPLATE = "tasks/results/_crawl.html"
ROWS_MAX = 100  # in all, before something is opened
OPEN_UP_TO = 50  # pages of a crawl of several sites that is shown open from the start
HTTP = re.compile(r"HTTP ([0-9]{3})\b *(.*)", re.DOTALL)
# How a reason begins, and the tag of such an error.
TAGS = (("robots.txt", "robots"), ("not a page", "no page"), ("the crawl ended", "ended"))


class Page(msgspec.Struct, gc=False):
    url: str
    status: int
    title: str
    links: msgspec.Raw  # most of the bytes; read where their number is shown

    @property
    def links_count(self) -> int:
        return len(msgspec.json.decode(self.links, type=list[msgspec.Raw]))


class Error(msgspec.Struct, gc=False):
    url: str
    reason: str


class Site(msgspec.Struct):
    url: str
    pages: list[Page]
    errors: list[Error]


class Result(msgspec.Struct):
    sites: list[Site]
    incomplete: Incomplete | None = None


@dataclass(frozen=True)
class SiteRow:
    """One site; `rows` is None while it is closed, and loaded when it is opened."""

    number: int
    name: str
    pages: int
    problems: int
    rows: list[Row] | None
    more: int = 0

    @property
    def size(self) -> str:
        return tree.counted(self.pages, self.problems)


@dataclass(frozen=True)
class Crawl:
    """The whole crawl.

    `pages` and `problems` count those of all sites, `found` and `found_problems` those that match.
    """

    ask: Ask
    sites: list[SiteRow]
    pages: int
    problems: int
    found: int
    found_problems: int


@dataclass(frozen=True)
class Part:
    """The rows of one folder of a site; `more` come after them."""

    ask: Ask
    site: SiteRow
    folder: str
    rows: list[Row]
    more: int

    @property
    def context(self) -> dict[str, Any]:
        """What the template of the rows needs."""
        return {
            "rows": self.rows,
            "site": self.site.number,
            "folder": self.folder,
            "more": self.more,
            "next_start": self.ask.start + len(self.rows),
            # The first row gets the focus in place of the link that loaded it.
            "first_focus": self.ask.start > 0,
        }


def show(raw: bytes, ask: Ask) -> Shown:
    result = msgspec.json.decode(raw, type=Result)
    return Shown(TEMPLATE, _view(result, ask), result.incomplete)


def _view(result: Result, ask: Ask) -> Crawl:
    fitting = [_fitting(site, ask) for site in result.sites]
    rows, left = [], ROWS_MAX
    is_small = len(result.sites) == 1 or sum(map(_size, result.sites)) <= OPEN_UP_TO
    is_open = ask.searches or is_small
    for number, (site, (pages, errors)) in enumerate(zip(result.sites, fitting, strict=True)):
        if ask.searches and not (pages or errors):
            continue
        inner, more = None, 0
        if is_open and left > 0:
            inner, more = tree.branch(leaves(site, pages, errors), "", ask, left)
            left -= tree.size(inner)
        rows.append(_site(number, site, pages, errors, inner, more))
    return Crawl(
        ask,
        rows,
        pages=sum(len(site.pages) for site in result.sites),
        problems=sum(len(site.errors) for site in result.sites),
        found=sum(len(pages) for pages, _ in fitting),
        found_problems=sum(len(errors) for _, errors in fitting),
    )


def part(raw: bytes, ask: Ask) -> Part | None:
    """The rows that `ask` opens; None if there is no such site.

    Raises as msgspec does if this is not the result of a crawl.
    """
    result = msgspec.json.decode(raw, type=Result)
    if ask.site is None or ask.site >= len(result.sites):
        return None
    site = result.sites[ask.site]
    pages, errors = _fitting(site, ask)
    rows, more = tree.level(leaves(site, pages, errors), ask.folder, ask)
    return Part(ask, _site(ask.site, site, pages, errors, None, 0), ask.folder, rows, more)


def _size(site: Site) -> int:
    return len(site.pages) + len(site.errors)


def _site(
    number: int,
    site: Site,
    pages: Sequence[Page],
    errors: Sequence[Error],
    rows: list[Row] | None,
    more: int,
) -> SiteRow:
    name = tree.cut(site.url.partition("://")[2].rstrip("/") or site.url)
    return SiteRow(number, name, len(pages), len(errors), rows, more)


def _fitting(site: Site, ask: Ask) -> tuple[Sequence[Page], Sequence[Error]]:
    pages: Sequence[Page] = () if ask.problems else site.pages
    if not ask.q:
        return pages, site.errors
    q = ask.q.lower()
    return (
        [page for page in pages if q in page.url.lower() or q in page.title.lower()],
        [error for error in site.errors if q in error.url.lower() or q in error.reason.lower()],
    )


def leaves(site: Site, pages: Sequence[Page], errors: Sequence[Error]) -> list[Leaf]:
    """The pages of a site and then its errors, as leaves of its tree."""
    home = tree.host_of(site.url)
    found = []
    for page in pages:
        is_problem = page.status >= 400
        found.append(tree.leaf(page.url, home, str(page.status), page.title, is_problem, page))
    for error in errors:
        tag, text = _tag_and_text(error.reason)
        found.append(tree.leaf(error.url, home, tag, text, True, None))
    return found


def _tag_and_text(reason: str) -> tuple[str, str]:
    """The tag of an error, and what of its reason stands beside it."""
    if status := HTTP.match(reason):
        return status[1], status[2]
    for start, tag in TAGS:
        if reason.startswith(start):
            return tag, reason
    return "failed", reason


def table(raw: bytes) -> Iterator[list[Any]]:
    return _rows(msgspec.json.decode(raw, type=Result))


def _rows(result: Result) -> Iterator[list[Any]]:
    yield ["site", "url", "status", "title", "links", "error"]
    for site in result.sites:
        for page in site.pages:
            yield [site.url, page.url, page.status, page.title, page.links_count, None]
        for error in site.errors:
            yield [site.url, error.url, None, None, None, error.reason]
