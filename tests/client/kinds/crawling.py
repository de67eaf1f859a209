"""The whole way of a crawl, without server and worker."""

from __future__ import annotations

from typing import Any

from firmlight_client.kinds import carried_partial, combine_all
from firmlight_client.kinds.crawler import Crawler
from tests.client.kinds.site import Reply

kind = Crawler()


def crawl(*urls: str, **params: Any) -> list[dict[str, Any]]:
    """The sites; what a real crawl finds always passes the kind's own check."""
    loaded = kind.load({"urls": list(urls), **params})
    partials = [kind.run(payload) for payload in kind.split(loaded)]
    for i, partial in enumerate(partials):
        kind.check(carried_partial(kind, partial), [i], None, loaded)
    return kind.finish(combine_all(kind, partials), loaded)["sites"]


def crawl_one(url: str, **params: Any) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    (site,) = crawl(url, **params)
    assert site["url"] == url
    return site["pages"], site["errors"]


def reason(url: str, **params: Any) -> str:
    """Why the start URL gave no page."""
    pages, errors = crawl_one(url, **params)
    assert not pages
    assert len(errors) == 1
    return errors[0]["reason"]


def robots(text: str, status: int = 200) -> Reply:
    return Reply(status, {"Content-Type": "text/plain"}, text.encode())
