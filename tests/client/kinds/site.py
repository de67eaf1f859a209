"""A small web site on loopback: real sockets, its pages from a dictionary."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any, NamedTuple

CERTIFICATE = Path(__file__).with_name("localhost.pem")
NO_DELAY = "User-agent: *\nCrawl-delay: 0\n"


class Reply(NamedTuple):
    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


class Seen(NamedTuple):
    path: str
    headers: dict[str, str]
    at: float


class Site:
    """`pages[path]` is HTML, a Reply, or a function that answers by itself; `seen` are the
    requests, in order.
    """

    def __init__(self, host: str, pages: dict[str, Any], tls: bool = False) -> None:
        self.pages, self.seen = (
            {"/robots.txt": Reply(200, {"Content-Type": "text/plain"}, NO_DELAY.encode()), **pages},
            [],
        )
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = ThreadingHTTPServer((host, 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http{'s' * tls}://{host}:{self.port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

    @contextmanager
    def running(self) -> Iterator[Site]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


Serve = Callable[..., Site]  # serve(pages, host, tls): the fixture that runs one for a test


def html(title: str, *links: str) -> str:
    anchors = " ".join(f'<a href="{link}">{link}</a>' for link in links)
    return f"<!doctype html><html><head><title>{title}</title></head><body>{anchors}</body></html>"


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status, {"Location": location})


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        self.site.seen.append(
            Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, monotonic())
        )
        page = self.site.pages.get(
            self.path, Reply(404, {"Content-Type": "text/html"}, b"<title>lost</title>")
        )
        if isinstance(page, str):
            page = Reply(200, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
        if isinstance(page, Reply):
            self._reply(page)
        else:
            self._call(page)

    def _reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def _call(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.close_connection = True
        answer(self)

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError, ssl.SSLError):  # the client may go away
            super().handle()
