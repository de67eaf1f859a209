"""What live pages cost: their first paint, and the server's time while they are open."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import psutil
from playwright.sync_api import Page, sync_playwright
from websockets.sync.client import ClientConnection, connect

from benchmarks.lab import PASSWORD, Lab
from benchmarks.measure import cpu
from firmlight_client.sdk.client import Task
from tests.support import chromium

FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
CONTRIBUTORS, WATCHERS = 1000, 500


def first_paint(lab: Lab, rounds: int = 15) -> list[float]:
    """Seconds from the click to the first paint of the page of a running task with 1,000
    contributions, in Chromium.
    """
    task = crowded_task(lab)
    try:
        with browser(lab) as page:
            return [_paint(page, f"{lab.system.url}/tasks/{task.id}/") for _ in range(rounds + 2)][
                2:
            ]
    finally:
        task.cancel()


def crowded_task(lab: Lab) -> Task:
    """A task that CONTRIBUTORS workers have done a lease of; it goes on."""
    task = lab.client.submit("ECHO", group=lab.group, count=100_000, seconds=0.05)
    command = [sys.executable, "-m", "benchmarks.crowd", task.id, str(CONTRIBUTORS)]
    subprocess.run(command, env=lab.system.environment, check=True)
    return task


@contextmanager
def browser(lab: Lab) -> Iterator[Page]:
    """A page of somebody who is logged in."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.FLAGS)
        page = started.new_page()
        page.goto(f"{lab.system.url}/login/")
        page.fill("[name=login]", lab.client.me()["username"])
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/groups/")
        yield page
        started.close()


def _paint(page: Page, address: str) -> float:
    page.goto(address)
    page.wait_for_function(FIRST_PAINT)
    return float(page.evaluate(FIRST_PAINT)) / 1000


def watched(lab: Lab, watchers: int, seconds: float = 15.0) -> tuple[float, float]:
    """Of a running task that so many pages watch: (seconds of processor `web` spends a second,
    updates a second).
    """
    web = psutil.Process(lab.system.pids()["web"])
    with ExitStack() as open_pages:
        pages = [open_pages.enter_context(open_page(lab)) for _ in range(watchers)]
        task = lab.client.submit("ECHO", group=lab.group, count=100_000, seconds=0.05)
        for page in pages:
            page.send(
                msgspec.json.encode({"type": "subscribe", "task": task.id, "view": "page"}).decode()
            )
        heard = [0] * watchers
        ends = time.monotonic() + 3 + seconds
        readers = [
            threading.Thread(target=_read, args=(page, heard, i, ends))
            for i, page in enumerate(pages)
        ]
        for reader in readers:
            reader.start()
        time.sleep(3)
        before, already = cpu(web), sum(heard)
        time.sleep(seconds)
        spent, updates = cpu(web) - before, sum(heard) - already
        for reader in readers:
            reader.join()
        task.cancel()
    return spent / seconds, updates / seconds / max(watchers, 1)


@contextmanager
def open_page(lab: Lab) -> Iterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {lab.client.pair.access}"}
    with connect(
        f"ws{lab.system.url.removeprefix('http')}/ws/live/", additional_headers=headers
    ) as socket:
        yield socket


def _read(page: ClientConnection, heard: list[int], i: int, ends: float) -> None:
    while (left := ends - time.monotonic()) > 0:
        try:
            page.recv(timeout=left)
        except TimeoutError:
            return
        heard[i] += 1
