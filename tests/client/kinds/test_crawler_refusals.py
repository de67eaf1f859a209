"""CRAWLER: where it must not go, and whom it trusts."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import httpx
import pytest

from firmlight_client.kinds import _public_address
from firmlight_client.kinds._public_address import Refused, Unreachable
from firmlight_client.kinds._public_http import Http
from firmlight_client.kinds._web_url import page_url
from tests.client.kinds.crawling import crawl_one, reason, robots
from tests.client.kinds.site import CERTIFICATE, Site, html, redirect

# Where it must not go


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "https://localhost/", "http://[::1]/", "http://10.0.0.1/", "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data/", "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/", "http://[fe80::1]/",
        "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://2130706433/", "http://0x7f000001/", "http://127.1/",
    ],
)  # fmt: skip
def test_a_private_address_is_refused_however_it_is_written(url):
    assert "which is not public" in reason(url)


@pytest.mark.parametrize(
    "url", ["http://8.8.8.8:8080/", "https://8.8.8.8:8443/", "http://8.8.8.8:22/"]
)
def test_other_ports_than_the_web_s_are_refused(url):
    assert "is not allowed, only 80 and 443" in reason(url)


def test_a_site_on_this_machine_is_never_asked(serve):
    site = serve({"/": html("x")})
    assert "is not allowed" in reason(site.url)
    assert not site.seen


def test_a_name_that_means_a_private_address_is_refused(monkeypatch):
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.168.7.7", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry])
    assert (
        reason("http://intranet.example/")
        == "intranet.example has the address 192.168.7.7, which is not public"
    )


@pytest.fixture
def public_site(serve, monkeypatch) -> Callable[..., Site]:
    """Make one loopback site count as public, port included: what it redirects to is judged as
    always.
    """

    def public(pages: dict[str, Any]) -> Site:
        site = serve(pages)
        really = _public_address.is_public
        monkeypatch.setattr(
            _public_address,
            "is_public",
            lambda address: address == httpx.URL(site.url).host or really(address),
        )
        monkeypatch.setattr(_public_address, "PUBLIC_PORTS", (80, 443, site.port))
        return site

    return public


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "http://localhost/"]
)
def test_a_redirect_into_a_private_network_is_refused(public_site, target):
    site = public_site({"/": redirect(target)})
    assert "which is not public" in reason(site.url, same_host=False)


def test_a_redirect_to_another_port_is_refused(public_site, serve):
    inner = serve({"/": html("secret")})
    site = public_site({"/": redirect(inner.url)})
    assert "is not allowed, only" in reason(site.url, same_host=False)
    assert not inner.seen


def test_robots_txt_may_not_redirect_into_a_private_network(public_site, serve):
    inner = serve({"/robots.txt": robots("")})
    site = public_site(
        {"/robots.txt": redirect(f"http://127.0.0.1:{inner.port}/robots.txt"), "/": html("x")}
    )
    assert "not" in reason(site.url)
    assert not inner.seen
    assert site.paths() == ["/robots.txt"]


def test_a_link_into_a_private_network_is_refused(public_site):
    site = public_site({"/": html("Home", "http://10.0.0.1/")})
    pages, errors = crawl_one(site.url, same_host=False)
    assert len(pages) == 1
    assert "10.0.0.1, which is not public" in errors[0]["reason"]


def test_the_checked_address_is_the_one_connected_to(serve, monkeypatch):
    """A name server that answers differently the second time (DNS rebinding) is asked once only."""
    site, asked = serve({"/": html("x")}), []
    host, real = httpx.URL(site.url).host, socket.getaddrinfo

    def rebinding(name: Any, *args: Any, **options: Any) -> Any:
        if name == "rebind.example":
            asked.append(name)
            return real(host if len(asked) == 1 else "127.0.0.1", *args, **options)
        return real(name, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(_public_address, "is_public", lambda address: address == host)
    monkeypatch.setattr(_public_address, "PUBLIC_PORTS", (site.port,))
    with Http(private=False, until=time.monotonic() + 5) as http:
        answer = http.get(
            page_url(f"http://rebind.example:{site.port}/"), types=("text/html",), bytes_max=1000
        )
    assert answer.status == 200
    assert asked == ["rebind.example"]
    assert site.seen[0].headers["host"] == f"rebind.example:{site.port}"


def test_no_proxy_is_taken_from_the_environment(serve, private, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert crawl_one(serve({"/": html("x")}).url)[0]


# TLS


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def fetch(url: str, trust: ssl.SSLContext | None) -> int:
    with Http(private=True, until=time.monotonic() + 5, trust=trust) as http:
        return http.get(page_url(url), types=("text/html",), bytes_max=1000).status


def test_the_certificate_is_checked_against_the_name_though_the_address_is_dialled(serve):
    site = serve({"/": html("x")}, host="127.0.0.1", tls=True)
    assert fetch(f"https://localhost:{site.port}/", trusting()) == 200
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        fetch(f"https://127.0.0.1:{site.port}/", trusting())


def test_a_certificate_of_nobody_known_is_refused(serve):
    site = serve({"/": html("x")}, host="127.0.0.1", tls=True)
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        fetch(f"https://localhost:{site.port}/", None)


def test_refusals_do_not_depend_on_the_scheme():
    with Http(private=False, until=time.monotonic() + 5) as http, pytest.raises(Refused):
        http.get(page_url("https://127.0.0.1/"), types=(), bytes_max=1)


@pytest.mark.parametrize(
    "host", ["a_b.example", "xn--ls8h.la", "-", "a..b", "x" * 64 + ".example", "a.", "1x", "xn--a"]
)
def test_no_name_raises_in_tls(serve, host, monkeypatch):
    site, real = serve({"/": html("x")}, host="127.0.0.1", tls=True), socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda name, *args, **options: real("127.0.0.1", *args, **options)
    )
    with pytest.raises(Unreachable, match=r"no connection|cannot be resolved"):
        fetch(f"https://{host}:{site.port}/", trusting())


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 plain\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28", b"\x00" * 99, b""]
)
def test_what_speaks_no_tls_is_reported(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=lambda: _answer_once(server, answer))
        thread.start()
        with pytest.raises(Unreachable, match="no connection"):
            fetch(f"https://127.0.0.1:{server.getsockname()[1]}/", trusting())
        thread.join()


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(answer)
