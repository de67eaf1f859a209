"""CRAWLER against a real small site on loopback: what it finds, and what it takes."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from firmlight_client.kinds import ParamsError, combine_all, crawler
from tests.client.kinds.crawling import crawl_one, kind, reason
from tests.client.kinds.site import Reply, html, redirect

# What is found


def test_pages_come_breadth_first_with_status_title_and_links(serve, private):
    site = serve(
        {
            "/": html("Home", "/b", "/a#x"),
            "/b": html("B", "/c", "/"),
            "/a": html("A"),
            "/c": html("C"),
        }
    )
    pages, errors = crawl_one(site.url + "/")
    assert [page["title"] for page in pages] == ["Home", "B", "A", "C"]
    assert pages[0] == {
        "url": site.url + "/", "status": 200, "title": "Home", "links": [site.url + "/b", site.url + "/a"]
    }  # fmt: skip
    assert not errors


def test_the_limit_counts_pages(serve, private):
    site = serve({f"/{i}": html(str(i), f"/{i + 1}") for i in range(10)})
    assert [page["title"] for page in crawl_one(site.url + "/0", limit=3)[0]] == ["0", "1", "2"]
    assert site.paths() == ["/robots.txt", "/0", "/1", "/2"]


def test_no_page_is_fetched_twice(serve, private):
    site = serve({"/": html("Home", "/", "/#x", "", "/a"), "/a": html("A", "/", "a")})
    crawl_one(site.url)
    assert site.paths() == ["/robots.txt", "/", "/a"]


def test_errors_are_reported_and_do_not_count(serve, private):
    site = serve({
        "/": html("Home", "/missing", "/picture", "/unknown", "/br", "/last"),
        "/picture": Reply(200, {"Content-Type": "image/png"}, b"<title>no</title>"),
        "/unknown": Reply(200, {}, b"no page"),
        "/br": Reply(200, {"Content-Type": "text/html", "Content-Encoding": "br"}, b"x"),
        "/last": html("Last"),
    })  # fmt: skip
    pages, errors = crawl_one(site.url + "/", limit=2)
    assert [page["title"] for page in pages] == ["Home", "Last"]
    assert {error["url"].removeprefix(site.url): error["reason"] for error in errors} == {
        "/missing": "HTTP 404 Not Found",
        "/picture": "not a page but image/png",
        "/unknown": "not a page but of no known type",
        "/br": "the answer is encoded as br",
    }


def test_sites_come_in_the_order_asked_whoever_finished_first(serve, private):
    sites = [serve({"/": html(str(i))}) for i in range(3)]
    params = kind.load({"urls": [site.url for site in sites]})
    partials = [
        kind.run(msgspec.msgpack.decode(msgspec.msgpack.encode(payload)))
        for payload in kind.split(params)
    ]
    for order in itertools.permutations(partials):
        result = kind.finish(
            msgspec.msgpack.decode(msgspec.msgpack.encode(combine_all(kind, order))), params
        )
        assert [site["pages"][0]["title"] for site in result["sites"]] == ["0", "1", "2"]


def test_a_site_that_no_worker_could_crawl_is_reported():
    params = kind.load({"urls": ["http://a.example", "http://b.example"]})
    crawled = [[1, {"url": "http://b.example", "pages": [], "errors": []}]]
    sites = kind.finish_incomplete(crawled, params)["sites"]
    assert [site["url"] for site in sites] == params.urls
    assert sites[0]["errors"][0]["reason"] == "no worker could crawl it"


def test_the_same_host_only_by_default(serve, private):
    other = serve({"/": html("Other")})
    site = serve({"/": html("Home", other.url + "/")})
    assert [page["title"] for page in crawl_one(site.url)[0]] == ["Home"]
    assert not other.seen
    pages, _ = crawl_one(site.url, same_host=False)
    assert [page["title"] for page in pages] == ["Home", "Other"]


# Redirects


def test_redirects_are_followed_to_the_page(serve, private):
    site = serve({"/": redirect("/a"), "/a": redirect("b", 301), "/b": html("B")})
    pages, errors = crawl_one(site.url + "/")
    assert [(page["url"], page["title"]) for page in pages] == [(site.url + "/b", "B")]
    assert not errors


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("/", "it redirects in a circle"),
        ("ftp://x.example/", "which is no http or https address"),
        ("http://user:secret@x.example/", "which is no http or https address"),
        ("http://other.example/", "it redirects to another host, other.example"),
    ],
)
def test_a_redirect_outside_the_rules_is_reported(serve, private, location, why):
    assert why in reason(serve({"/": redirect(location)}).url + "/")


def test_redirects_end_after_five(serve, private):
    site = serve({f"/{i}": redirect(f"/{i + 1}") for i in range(20)})
    assert reason(site.url + "/0") == "more than 5 redirects"
    assert len(site.seen) == 1 + 6


def test_a_page_reached_twice_is_one_page(serve, private):
    site = serve({"/": html("Home", "/a", "/b"), "/a": redirect("/b"), "/b": html("B")})
    pages, errors = crawl_one(site.url + "/")
    assert [page["title"] for page in pages] == ["Home", "B"]
    assert not errors


# Params


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"urls": []}, "urls", "At least one address."),
        (
            {"urls": ["http://h.example"] * 3 + [f"http://h.example/{i}" for i in range(100)]},
            "urls",
            "At most 100 addresses.",
        ),
        (
            {"urls": ["example.com"]},
            "urls",
            "'example.com' is not an address that begins with http:// or https://.",
        ),
        ({"urls": ["ftp://h.example"]}, "urls", "http://"),
        ({"urls": ["http://user:secret@h.example"]}, "urls", "http://"),
        ({"urls": ["http:h.example"]}, "urls", "http://"),
        ({"urls": ["http://h\x07.example"]}, "urls", "http://"),
        ({"urls": ["http://h.example/\ud800"]}, "urls", "http://"),
        ({"urls": ["http://[::1/"]}, "urls", "http://"),
        ({"urls": ["http://h.example/#" + "x" * 2000]}, "urls", "is longer than 1,024 characters."),
        ({"urls": [7]}, "urls", "str"),
        ({"urls": "http://h.example"}, "urls", "array"),
        ({"urls": ["http://h.example"], "limit": 0}, "limit", "At least one page."),
        ({"urls": ["http://h.example"], "limit": 2001}, "limit", "At most 2,000 pages."),
        ({"urls": ["http://h.example"], "limit": "x"}, "limit", "int"),
        ({"urls": ["http://h.example"], "same_host": 1}, "same_host", "bool"),
    ],
)
def test_bad_params_are_refused_by_name(data, field, message):
    with pytest.raises(ParamsError) as refused:
        kind.load(data)
    assert refused.value.field == field
    assert message in refused.value.message


def test_an_address_given_twice_is_crawled_once():
    assert kind.load({"urls": [" http://h.example ", "http://h.example"]}).urls == [
        "http://h.example"
    ]


def test_addresses_that_browsers_take_are_taken():
    urls = [
        "http://xn--ls8h.la/",
        "https://💩.la",
        "http://a_b.example",
        "HTTP://bücher.example/ä?ö",
    ]
    assert kind.load({"urls": urls}).urls == urls


def test_an_address_that_only_the_server_understood_is_reported():
    (entry,) = kind.run([3, "http://[::1/", 5, True, 1000])  # fmt: skip
    assert entry[0] == 3
    assert entry[1]["errors"] == [
        {"url": "http://[::1/", "reason": "it is no http or https address"}
    ]


def test_there_is_one_subtask_for_each_address():
    params = kind.load({"urls": [f"http://h.example/{i}" for i in range(100)], "limit": 2000})
    payloads = list(kind.split(params))
    assert [payload[0] for payload in payloads] == list(range(100))
    assert sum(payload[4] for payload in payloads) <= crawler.SITES_BYTES_MAX
