"""Whatever a server answers, the worker does not fail: other pages and sites come out whole."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmlight_client.kinds import _crawl, _robots
from firmlight_client.kinds._page import LINKS_PER_PAGE_MAX
from firmlight_client.kinds._public_address import Failed
from firmlight_client.kinds._public_http import Answer, Http
from firmlight_client.kinds._web_url import page_url
from tests.client.kinds import steady
from tests.client.kinds.crawling import crawl, crawl_one
from tests.client.kinds.poison import (
    BAD_HOSTS,
    HTML,
    PAGE,
    REASONS,
    SHOWN,
    page,
    raw,
    site_of_poison,
)
from tests.client.kinds.site import NO_DELAY, Reply, Serve, Site, html, redirect


@pytest.fixture(autouse=True)
def quick_and_sound(private, monkeypatch, caplog):
    """No delays, and no exception that only the last resort caught."""
    monkeypatch.setattr(_robots, "DELAY_SECONDS", 0.0)
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture
def start(serve: Serve) -> Callable[..., Site]:
    """A site whose first page leads to /x, which is the poison, and to /good."""
    return lambda poison, **pages: serve(
        {"/": html("Home", "/x", "/good"), "/x": poison, "/good": html("Good"), **pages}
    )


@pytest.mark.parametrize("name", SHOWN)
def test_what_browsers_show_is_a_page(start, name):
    site = start(SHOWN[name])
    pages, errors = crawl_one(site.url)
    assert [found["title"] for found in pages] == ["Home", "Page", "Good"]
    assert pages[1]["links"][-1] == site.url + "/good"
    assert not errors


@pytest.mark.parametrize("name", REASONS)
def test_what_no_browser_shows_is_reported(start, name):
    poison, why = REASONS[name]
    site = start(poison)
    pages, errors = crawl_one(site.url)
    assert [found["title"] for found in pages] == ["Home", "Good"]
    assert [error["url"] for error in errors] == [site.url + "/x"]
    assert why in errors[0]["reason"]
    assert errors[0]["reason"].isprintable()


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_link_to_an_impossible_host_is_reported_or_left_out(serve, host, monkeypatch):
    site = serve({"/": html("Home", f"http://{host}/", "/good"), "/good": html("Good")})
    pages, errors = crawl_one(site.url, same_host=False)
    assert [found["title"] for found in pages] == ["Home", "Good"]
    assert all("cannot be resolved" in error["reason"] for error in errors)


@pytest.mark.parametrize(
    "rules",
    [
        b"Sitemap: http://xn--ls8h.la/\nDisallow: http://xn--ls8h.la/\nSitemap: [\n",
        b"\xff\xfe\x00\xd8", b"\x00" * 1000,
        b"Disallow: //[/\nAllow: //\xe2\x84\x80/\nAllow: %zz%\nDisallow: $$**$",
        b"Crawl-delay: 1e999\nRequest-rate: 0/0\nVisit-time: x\nCrawl-delay: 0x",
        b"user-agent\n:\n::\nUser-agent:*",
    ],
)  # fmt: skip
def test_no_robots_txt_is_an_error_of_ours(start, rules):
    site = start(html("Page"), **{"/robots.txt": Reply(200, {}, NO_DELAY.encode() + rules)})
    assert len(crawl_one(site.url)[0]) == 3


@pytest.mark.parametrize(
    "location", ["http://xn--ls8h.la/", "http://[::1/", "javascript:x", "http://u:p@h.example/"]
)
def test_a_robots_txt_that_redirects_nowhere_forbids_all(start, location):
    _, errors = crawl_one(start(html("Page"), **{"/robots.txt": redirect(location)}).url)
    assert len(errors) == 1
    assert "robots.txt cannot be read, which forbids all" in errors[0]["reason"]


def test_a_location_in_plain_utf_8_is_followed(serve):
    target = "/größe?q=日".encode()
    site = serve({
        "/": raw(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\n\r\n"),
        "/gr%C3%B6%C3%9Fe?q=%E6%97%A5": html("There"),
    })  # fmt: skip
    assert [found["title"] for found in crawl_one(site.url)[0]] == ["There"]


def test_what_broke_off_is_read_and_reported(start):
    site = start(page(HTML, b"Content-Length: 1000"))
    pages, errors = crawl_one(site.url)
    assert [found["title"] for found in pages] == ["Home", "Page", "Good"]
    assert errors == [{"url": site.url + "/x", "reason": _crawl.BROKE_OFF}]


def test_what_is_left_out_is_reported_once_with_the_number_of_pages(serve):
    many = html("Many", "/y" * 600, *(f"/{i}" for i in range(LINKS_PER_PAGE_MAX + 1)))
    site = serve({"/": html("Home", "/x", "/z"), "/x": many, "/z": many})
    pages, errors = crawl_one(site.url, limit=3)
    assert [len(found["links"]) for found in pages] == [2, LINKS_PER_PAGE_MAX, LINKS_PER_PAGE_MAX]
    assert errors == [
        {
            "url": site.url + "/x",
            "reason": "it has more links than the 1,000 that are read (and of 1 more pages)",
        },
        {
            "url": site.url + "/x",
            "reason": "links of more than 1,024 characters were left out (and of 1 more pages)",
        },
    ]


def test_what_is_asked_on_a_connection_that_just_ended_is_asked_again():
    def answer_once_a_connection(server: socket.socket) -> None:
        for asked in (2, 1):
            connection, _ = server.accept()
            connection.recv(4096)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"
            )
            if asked > 1:
                connection.recv(4096)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as threads:
        server.settimeout(2)
        threads.submit(answer_once_a_connection, server)
        url = page_url(f"http://127.0.0.1:{server.getsockname()[1]}/")
        with Http(private=True, until=time.monotonic() + 10) as http:
            bodies = [http.get(url, types=(), bytes_max=100).body for _ in range(2)]
    assert bodies == [b"hi", b"hi"]


def test_titles_and_reasons_can_travel_and_be_stored(serve):
    site = serve(
        {
            "/": Reply(
                200,
                {"Content-Type": "text/html"},
                "<title>\x00\x07a\ud800\u0085b</title>".encode("utf-8", "surrogatepass"),
            )
        }
    )
    pages, _ = crawl_one(site.url)
    assert pages[0]["title"].isprintable()
    assert msgspec.json.decode(msgspec.json.encode(pages)) == pages


def test_poison_of_every_sort_on_one_site_leaves_the_others_whole(serve):
    sites = [
        serve({"/": html("First", "/a"), "/a": html("A")}),
        serve(site_of_poison()),
        serve({"/": html("Last", "/b"), "/b": html("B")}),
    ]
    first, poisoned, last = crawl(*(site.url for site in sites), limit=100)
    assert [found["title"] for found in first["pages"] + last["pages"]] == [
        "First",
        "A",
        "Last",
        "B",
    ]
    assert not first["errors"] + last["errors"]
    assert len(poisoned["pages"]) >= 1 + len(SHOWN)
    assert len(poisoned["errors"]) >= len(REASONS)


@settings(steady, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_answer_raises(site_of_anything, data):
    """Good answers with bytes put in, taken out and changed."""
    whole = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 41\r\n\r\n"
        + PAGE
    )
    at, length = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 30))
    put = data.draw(
        st.binary(max_size=30)
        | st.sampled_from([b"\r\n", b"\n\n", b"Transfer-Encoding: chunked\r\n", b"\x1f\x8b", b"0"])
    )
    site_of_anything.pages["/"] = raw(whole[:at] + put + whole[at + length :])
    with Http(private=True, until=float("inf")) as http:
        try:
            answer = http.get(
                page_url(site_of_anything.url), types=("text/html",), bytes_max=10_000
            )
            assert isinstance(answer, Answer)
        except Failed as failed:
            assert str(failed)


@pytest.fixture
def site_of_anything(serve: Serve) -> Site:
    return serve({})
