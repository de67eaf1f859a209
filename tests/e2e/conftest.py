"""Real people at real browsers, a real worker, the whole system. Nobody sleeps: tests wait for what
a user would.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from embedded.system import System
from tests.support import chromium
from tests.support.worker import Worker
from tests.system.lab import PASSWORD, Lab

PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(
    scope="module"
)  # as long as it runs no other test of this process can have an event loop
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.FLAGS)
        yield started
        started.close()


@pytest.fixture
def lab(system: System) -> Iterator[Lab]:
    """Ada, Ben and Cleo, and their group; Ada owns it."""
    with Lab(system.url) as lab:
        yield lab


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, system: System) -> Iterator[OpenPage]:
    """open_page(): a browser of its own, with a page; what it complains of in its console fails the
    test.
    """
    contexts, complaints = [], list[str]()

    def fresh(**options: Any) -> Page:
        context = browser.new_context(
            base_url=system.url, viewport={"width": 1280, "height": 900}, **options
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_fault(said) else None)
        return page

    yield fresh
    for context in contexts:
        context.close()
    assert not complaints


def _is_fault(said: Any) -> bool:
    """Answers with an error's status are no fault of the page."""
    known = (
        "Failed to load resource",
        "WebSocket",
        "htmx:sendError",
        "htmx:afterRequest",
        "htmx:responseError",
    )
    return said.type == "error" and not any(word in said.text for word in known)


@pytest.fixture
def log_in(open_page: OpenPage, lab: Lab) -> OpenPage:
    """log_in(0): Ada's browser, logged in by the form."""

    def enter(person: int = 0, **options: Any) -> Page:
        page = open_page(**options)
        page.goto("/login/")
        page.get_by_label("Username or e-mail").fill(lab.names[person])
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/groups/")
        return page

    return enter


@pytest.fixture
def start_worker(lab: Lab, system: System, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """start_worker("desk", person=1): a real `firmlight work` that the server has welcomed."""
    started: list[Worker] = []

    def start(name: str, *options: str, person: int = 1, slots: int = 1) -> Worker:
        worker = Worker(
            system.url, lab.worker_token(person), name, tmp_path / name, *options, slots=slots
        )
        started.append(worker)
        worker.hear("connected")
        return worker

    yield start
    for worker in started:
        worker.stop()


PAGES = {
    "/": b"<title>Home &lt;b&gt;</title>"
    b'<a href="/a">a</a> <a href="/gone">gone</a> <a href="/deep/b">b</a>',
    "/a": b"<title>Page a</title>",
    "/deep/b": b"<title>Page b</title>",
}


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a small web site."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGES.get(self.path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()
