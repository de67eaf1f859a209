"""A small web site on this machine for CRAWLER, and the pages that a crawl must find."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Page -> its links. Some links lead in circles, one to a missing page, and one to a page that
# robots.txt forbids.
LINKS = {
    "/": ["/stars/", "/moons/", "/about"],
    "/stars/": ["/", "/stars/vega", "/stars/deneb", "/stars/altair"],
    "/stars/vega": ["/stars/deneb", "/moons/"],
    "/stars/deneb": ["/stars/vega", "/stars/nova"],
    "/stars/altair": ["/", "/stars/vega"],
    "/moons/": ["/moons/io", "/moons/titan", "/observatory/keys"],
    "/moons/io": ["/moons/titan"],
    "/moons/titan": ["/"],
    "/about": ["/"],
    "/observatory/keys": [],
}
MISSING = "/stars/nova"
FORBIDDEN = "/observatory/"
ROBOTS = f"User-agent: *\nDisallow: {FORBIDDEN}\n"


def pages() -> set[str]:
    """The paths of the pages that a crawler finds if it obeys robots.txt."""
    return {path for path in LINKS if not path.startswith(FORBIDDEN)}


@contextmanager
def serve() -> Iterator[str]:
    """Serve it on a free loopback port; yields its URL without a slash at the end."""
    server = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a killed worker resets its connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/robots.txt":
            self._answer(200, "text/plain", ROBOTS)
        elif self.path in LINKS:
            self._answer(200, "text/html", _page(self.path))
        else:
            self._answer(404, "text/html", "<title>Nothing here</title>")

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the terminal is for the demo's output."""


def _page(path: str) -> str:
    links = "".join(f'<li><a href="{link}">{link}</a></li>' for link in LINKS[path])
    return f"<!doctype html><title>Night sky {path}</title><h1>{path}</h1><ul>{links}</ul>"
