"""CRAWLER keeps its manners and its limits."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
from typing import Any

import httpx
import msgspec
import pytest

from firmlight_client.kinds import _crawl, _public_http, _robots, crawler
from tests.client.kinds.crawling import crawl_one, kind, reason, robots
from tests.client.kinds.site import NO_DELAY, Reply, html, redirect

# Manners


def test_what_robots_txt_forbids_is_not_asked(serve, private):
    rules = NO_DELAY + "Disallow: /secret\nAllow: /secret/open\n"
    site = serve({
        "/robots.txt": robots(rules), "/": html("Home", "/secret/a", "/secret/open"), "/secret/open": html("Open")
    })  # fmt: skip
    pages, errors = crawl_one(site.url + "/")
    assert [page["title"] for page in pages] == ["Home", "Open"]
    assert errors == [{"url": site.url + "/secret/a", "reason": "robots.txt forbids it"}]
    assert "/secret/a" not in site.paths()


def test_rules_for_firmlight_come_before_those_for_all(serve, private):
    site = serve(
        {
            "/robots.txt": robots("User-agent: firmlight\nDisallow: /\n\nUser-agent: *\nAllow: /"),
            "/": html("x"),
        }
    )
    assert reason(site.url) == "robots.txt forbids it"


def test_a_redirect_does_not_get_around_robots_txt(serve, private):
    site = serve(
        {
            "/robots.txt": robots(NO_DELAY + "Disallow: /secret"),
            "/": redirect("/secret"),
            "/secret": html("x"),
        }
    )
    assert reason(site.url) == "robots.txt forbids it"
    assert "/secret" not in site.paths()


@pytest.mark.parametrize("status", [403, 404])
def test_without_robots_txt_all_is_allowed(serve, private, status):
    assert crawl_one(serve({"/robots.txt": robots("x", status), "/": html("x")}).url)[0]


@pytest.mark.parametrize("status", [500, 503])
def test_a_broken_robots_txt_forbids_all(serve, private, status):
    site = serve({"/robots.txt": robots("x", status), "/": html("x")})
    assert reason(site.url) == f"robots.txt cannot be read, which forbids all: HTTP {status}"
    assert site.paths() == ["/robots.txt"]


def test_robots_txt_may_redirect_and_counts_as_absent_when_it_never_ends(
    serve, private, monkeypatch
):
    monkeypatch.setattr(_robots, "DELAY_SECONDS", 0.0)
    moved = serve(
        {
            "/robots.txt": redirect("/real"),
            "/real": robots("User-agent: *\nDisallow: /"),
            "/": html("x"),
        }
    )
    assert reason(moved.url) == "robots.txt forbids it"
    endless = serve({"/robots.txt": redirect("/robots.txt"), "/": html("x")})
    assert crawl_one(endless.url)[0]


def test_a_huge_robots_txt_is_read_to_a_limit(serve, private):
    text = NO_DELAY + "Disallow: /secret\n" + "# filler\n" * 200_000
    site = serve({"/robots.txt": robots(text), "/secret": html("x")})
    assert reason(site.url + "/secret") == "robots.txt forbids it"


def test_requests_to_one_host_keep_the_delay_it_asks_for(serve, private):
    site = serve(
        {
            "/robots.txt": robots("User-agent: *\nCrawl-delay: 0.4"),
            "/": html("x", "/a", "/b"),
            "/a": html("a"),
        }
    )
    crawl_one(site.url)
    times = [seen.at for seen in site.seen if seen.path != "/robots.txt"]
    # The site notes a request when it gets to it, on a busy machine a little late.
    assert all(after - before >= 0.2 for before, after in itertools.pairwise(times))
    assert len(times) == 3


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("", 0.5),
        ("Crawl-delay: 0", 0),
        ("Crawl-delay: 2", 2),
        ("Crawl-delay: 9999", 10),
        ("Crawl-delay: x", 0.5),
    ],
)
def test_the_delay_is_bounded(asked, given):
    assert _robots._parsed(f"User-agent: *\n{asked}".encode()).delay == given


@pytest.mark.parametrize("asked", ["nan", "inf", "-3"])
def test_a_senseless_delay_is_the_usual_one(asked):
    assert (
        _robots._parsed(f"User-agent: *\nCrawl-delay: {asked}".encode()).delay
        == _robots.DELAY_SECONDS
    )


def test_it_says_who_it_is(serve, private):
    site = serve({"/": html("x")})
    crawl_one(site.url)
    for seen in site.seen:
        assert seen.headers["user-agent"].startswith("Firmlight/")
        assert seen.headers["host"] == httpx.URL(site.url).netloc.decode()


# Limits


def test_a_large_page_is_refused_by_its_size(serve, private, monkeypatch):
    monkeypatch.setattr(_crawl, "PAGE_BYTES_MAX", 2**16)
    page = {"Content-Type": "text/html"}
    site = serve({
        "/": Reply(200, page, b"x" * 2**17),
        "/bomb": Reply(200, {**page, "Content-Encoding": "gzip"}, gzip.compress(bytes(2**24))),
    })  # fmt: skip
    assert reason(site.url + "/") == reason(site.url + "/bomb") == "larger than 0.0625 MiB"


def test_gzip_is_unpacked(serve, private):
    page = {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"}
    site = serve(
        {
            "/": Reply(200, page, gzip.compress(html("Grüße").encode())),
            "/broken": Reply(200, page, b"\x1f\x8bno gzip"),
        }
    )
    assert crawl_one(site.url)[0][0]["title"] == "Grüße"
    assert reason(site.url + "/broken") == "the answer is not the gzip it claims to be"


def test_a_body_of_another_type_is_not_read(serve, private):
    def endless(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n")
        with pytest.raises(OSError):
            while True:
                handler.wfile.write(bytes(2**16))

    assert reason(serve({"/": endless}).url) == "not a page but video/mp4"


def dripping(handler: Any) -> None:
    """A byte now and then, for ever: no single wait is long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    for _ in range(200):
        handler.wfile.write(b"x")
        time.sleep(0.02)


def slow_headers(handler: Any) -> None:
    for _ in range(200):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" if _ == 0 else b"X: y\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize("answer", [dripping, slow_headers])
def test_an_answer_must_be_complete_in_time(serve, private, monkeypatch, answer):
    monkeypatch.setattr(_public_http, "REQUEST_SECONDS_MAX", 0.3)
    start = time.monotonic()
    assert reason(serve({"/": answer}).url) == "no complete answer in time"
    assert time.monotonic() - start < 3


def test_silence_ends_too(serve, private, monkeypatch):
    monkeypatch.setattr(_public_http, "WAIT_SECONDS_MAX", 0.2)
    assert reason(serve({"/": lambda handler: time.sleep(0.6)}).url)


def test_an_answer_that_is_not_http_is_reported(serve, private):
    assert "no connection" in reason(
        serve({"/": lambda handler: handler.wfile.write(b"hello\r\n\r\n")}).url
    )


def test_a_host_that_does_not_answer_is_reported(private):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        assert "robots.txt cannot be read" in reason(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_the_crawl_ends_when_its_time_is_over(serve, private, monkeypatch):
    monkeypatch.setattr(crawler, "CRAWL_SECONDS_MAX", 0.5)
    site = serve(
        {
            "/robots.txt": robots("User-agent: *\nCrawl-delay: 0.2"),
            **{f"/{i}": html(str(i), f"/{i + 1}") for i in range(50)},
        }
    )
    pages, errors = crawl_one(site.url + "/0", limit=50)
    assert 1 <= len(pages) <= 3
    assert errors == [
        {"url": site.url + "/0", "reason": "the crawl ended early: its time was over"}
    ]
    assert kind.subtask_seconds_max > 1500 + _public_http.REQUEST_SECONDS_MAX


def test_the_partial_of_a_site_is_bounded(serve, private):
    links = [f"/{i}{'x' * 900}" for i in range(900)]
    site = serve({"/": html("Home", *links[:450], "/more"), "/more": html("More", *links[450:])})
    (index, found), = kind.run([0, site.url, 3, True, 100_000])  # fmt: skip
    assert index == 0
    assert 40 <= len(found["pages"][0]["links"]) <= 60
    assert len(msgspec.msgpack.encode(found)) < 110_000


def test_many_errors_end_the_crawl(serve, private, monkeypatch):
    monkeypatch.setattr(_crawl, "ERRORS_MAX", 5)
    _, errors = crawl_one(serve({"/": html("Home", *(f"/{i}" for i in range(50)))}).url, limit=100)
    assert len(errors) == 6
    assert errors[-1]["reason"] == "the crawl ended early: 5 errors"


def test_even_a_fault_of_ours_costs_one_page_only(serve, private, monkeypatch, caplog):
    read = _crawl.title_and_links

    def faulty(body: bytes, charset: str | None, url: Any) -> Any:
        if url.target == "/x":
            raise RuntimeError("a fault")
        return read(body, charset, url)

    monkeypatch.setattr(_crawl, "title_and_links", faulty)
    site = serve({"/": html("Home", "/x", "/good"), "/x": html("X"), "/good": html("Good")})
    pages, errors = crawl_one(site.url)
    assert [page["title"] for page in pages] == ["Home", "Good"]
    assert errors == [{"url": site.url + "/x", "reason": "it could not be read (RuntimeError)"}]
    assert "a fault" in caplog.text  # the worker's log has all of it


def test_errors_and_notes_stay_within_what_a_partial_may_hold(serve, private, monkeypatch):
    monkeypatch.setattr(_crawl, "ERRORS_MAX", 3)
    many = html("Many", *(f"/{i}" for i in range(1001)), "/" + "x" * 1100)
    site = serve({"/": many, "/0": many, "/1": many})
    _, errors = crawl_one(site.url, limit=100)
    assert len(errors) <= 3 + _crawl.NOTES_MAX + 1
    assert errors[-1]["reason"] == "the crawl ended early: 3 errors"
    assert all(len(error["reason"]) <= _crawl.REASON_CHARS_MAX for error in errors)
