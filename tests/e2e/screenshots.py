"""`make screenshots`: pictures of a busy group for the README, in docs/images/."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from embedded.system import System
from tests.support import chromium
from tests.support.worker import Worker
from tests.system.lab import PASSWORD, Lab

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
WORKERS = (("tower", 1, 3), ("desk", 0, 2), ("laptop", 2, 1))  # name, whose, slots


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        system = stack.enter_context(System(Path(folder) / "var", env={"LOG_LEVEL": "WARNING"}))
        lab = stack.enter_context(Lab(system.url))
        lab.api[0].patch(
            f"groups/{lab.group}/",
            json={"name": "Number evenings", "description": "Bring a number."},
        )
        workers = [
            Worker(system.url, lab.worker_token(who), name, Path(folder) / name, slots=slots)
            for name, who, slots in WORKERS
        ]
        for worker in workers:
            stack.callback(worker.stop)
            worker.hear("connected")
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.FLAGS)
        stack.callback(browser.close)
        take(browser, lab, workers)


def take(browser: Browser, lab: Lab, workers: list[Worker]) -> None:
    dice = [n * 7919 % 6 + n * 104729 % 6 for n in range(10_000)]
    mean = submit(lab, "MEAN", "Dice, thrown ten thousand times", numbers=dice)
    factors = submit(
        lab, "FACTORIZATION", "The number on the whiteboard", number="1329095289402840267782509689"
    )
    for task in (mean, factors):
        lab.wait(task)
    waiting = submit(lab, "ECHO", "After supper", person=1, count=400, seconds=0.3)
    running = submit(lab, "ECHO", "The long one", count=500, seconds=0.15)
    wide, small = (
        logged_in(browser, lab, 1280, 900),
        logged_in(browser, lab, 390, 844, color_scheme="dark"),
    )
    wide.goto(f"/tasks/{running}/")
    wide.wait_for_function("() => document.getElementById('progress').dataset.percent > 25")
    workers[2].kill()
    wide.wait_for_selector("#events :text('Taken over')")
    wide.wait_for_function("() => document.getElementById('progress').dataset.percent > 60")
    shoot(wide, "task")
    small.goto(f"/tasks/{running}/")
    shoot(small, "task-small-dark")
    wide.goto(f"/groups/{lab.group}/")
    shoot(wide, "group")
    wide.goto(f"/tasks/{mean}/")
    shoot(wide, "result")
    wide.goto(f"/groups/{lab.group}/tasks/new/?kind=FACTORIZATION")
    wide.get_by_label("Number").fill("1329095289402840267782509689")
    wide.wait_for_selector("#before dl")
    shoot(wide, "new-task")
    for task in (waiting, running):
        lab.api[1].post(f"tasks/{task}/cancel/")


def submit(lab: Lab, kind: str, title: str, person: int = 0, **params: Any) -> str:
    body = {"group": lab.group, "kind": kind, "title": title, "params": params}
    answer = lab.api[person].post("tasks/", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def logged_in(browser: Browser, lab: Lab, width: int, height: int, **options: Any) -> Page:
    page = browser.new_page(
        base_url=lab.url, viewport={"width": width, "height": height}, **options
    )
    page.goto("/login/")
    page.fill("[name=login]", lab.names[0])
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/groups/")
    lab.api[0].post("notifications/read/")
    return page


def shoot(page: Page, name: str) -> None:
    """What one screen shows, when the toasts have gone."""
    time.sleep(0.5)  # fonts and shadows
    page.evaluate("document.getElementById('toasts').replaceChildren()")
    page.screenshot(path=IMAGES / f"{name}.png")
    sys.stdout.write(f"docs/images/{name}.png\n")


if __name__ == "__main__":
    main()
