"""For everybody: small screens, dark rooms, keyboards, screen readers, and browsers without
JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.support.needed import needs
from tests.support.worker import Worker
from tests.system.lab import PASSWORD, Lab

pytestmark = needs("chromium")
FOR_ALL = (
    "/",
    "/login/",
    "/register/",
    "/docs/",
    "/docs/explanation/reliability/",
    "/download/",
    "/about/",
    "/nowhere/",
)
FOR_MEMBERS = (
    "/groups/",
    "/groups/new/",
    "/notifications/",
    "/tasks/",
    "/workers/",
    "/workers/get/",
    "/device/",
)
OF_PROFILE = ("/profile/", "/profile/sessions/", "/profile/tokens/")
OF_A_GROUP = (
    "",
    "members/",
    "invitations/",
    "settings/",
    "tasks/new/?kind=MEAN",
    "tasks/new/?kind=CRAWLER",
)


@pytest.fixture
def finished(lab: Lab, start_worker: Callable[..., Worker]) -> list[str]:
    """Tasks of each kind that are over, one that failed and one that waits."""
    start_worker("lamp", slots=2)
    tasks = [
        lab.submit("FACTORIZATION", number="360360"),
        lab.submit("MEAN", numbers=[1, 2, 2, 3, 9.5]),
        lab.submit("CRAWLER", urls=["https://nowhere.invalid/"]),
        lab.submit(count=12),
    ]
    for task in tasks:
        lab.wait(task)
    return tasks


LOOKS = [
    pytest.param(
        {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark"}, id="small and dark"
    ),
    pytest.param(
        {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}, id="wide and light"
    ),
]


@pytest.mark.parametrize("look", LOOKS)
def test_no_page_is_wider_than_the_screen_or_has_a_serious_fault_of_accessibility(
    log_in: OpenPage, open_page: OpenPage, lab: Lab, finished: list[str], look: dict[str, object]
) -> None:
    waiting = lab.submit(count=5000, seconds=0.5)
    size, scheme = look["viewport"], look["color_scheme"]
    anybody, ada = open_page(color_scheme=scheme), log_in(color_scheme=scheme)
    faults: dict[str, list[str]] = {}
    for page, addresses in (
        (anybody, FOR_ALL),
        (ada, [*FOR_MEMBERS, *OF_PROFILE, *(f"/groups/{lab.group}/{end}" for end in OF_A_GROUP)]),
        (ada, [*(f"/tasks/{task}/" for task in [*finished, waiting]), f"/tasks/{waiting}/cancel/"]),
    ):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for address in addresses:
            page.goto(address)
            if found := faults_of(page):
                faults[address] = found
    lab.api[0].post(f"tasks/{waiting}/cancel/")
    assert not faults


def faults_of(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    serious = [one for one in violations if one["impact"] in ("serious", "critical")]
    found = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in serious]
    width = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return [*found, *([f"{width} px too wide"] if width > 0 else [])]


# Keyboard


def press_until(page: Page, focused: str, most: int = 60) -> None:
    """Tab on until an element has the focus, and the focus is seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement?.matches(selector)", focused):
            assert (
                page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            ), "it is not seen"
            return
    raise AssertionError(f"{focused} is not reached")


def test_a_task_is_submitted_watched_and_cancelled_by_keyboard_alone(
    open_page: OpenPage, lab: Lab
) -> None:
    page = open_page()
    page.goto("/login/")
    press_until(page, "[name=login]")
    page.keyboard.type(lab.names[0])
    press_until(page, "[name=password]")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/groups/")
    page.goto(f"/groups/{lab.group}/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    press_until(page, "a[href$='/tasks/new/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks/new/")
    press_until(page, "a.kind[href*='ECHO']")
    page.keyboard.press("Enter")
    page.wait_for_url("**kind=ECHO")
    press_until(page, "[name=param-count]")
    page.keyboard.type("500")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/tasks/[0-9a-f-]{36}/$"))
    press_until(page, "a[href$='/cancel/']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_text("Keep it running")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    press_until(page, "a[href$='/cancel/']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_text("Keep it running")).to_be_focused()
    press_until(page, "dialog button")
    page.keyboard.press("Enter")
    expect(page.locator("#task-head .badge")).to_have_text("Cancelled")


def test_the_focus_stays_where_it_is_while_buttons_around_it_come_and_go(
    log_in: OpenPage, lab: Lab
) -> None:
    task = lab.submit(count=5000, seconds=0.5)
    page = log_in()
    page.goto(f"/tasks/{task}/")
    cancel = page.get_by_role("link", name="Cancel")
    cancel.focus()
    for order, button in (("pause", "Resume"), ("resume", "Pause")):
        lab.api[0].post(f"tasks/{task}/{order}/")
        expect(page.get_by_role("button", name=button)).to_be_visible()
        expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_text("Keep it running")).to_be_focused()
    lab.api[0].post(f"tasks/{task}/cancel/")
    expect(cancel).to_be_hidden()


# Without JavaScript


def test_without_script_a_task_is_previewed_submitted_read_and_cancelled(
    log_in: OpenPage, lab: Lab, start_worker: Callable[..., Worker]
) -> None:
    page = log_in(java_script_enabled=False)
    page.goto(f"/groups/{lab.group}/")
    page.get_by_label("Search tasks").fill("nothing of the kind")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No task matches")).to_be_visible()
    page.get_by_role("link", name="New task").click()
    page.get_by_role("link", name=re.compile("^Mean")).click()
    page.get_by_label("Numbers").fill("1 2 x")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("“x” is not a number.").first).to_be_visible()
    page.get_by_label("Numbers").fill("1 2 3")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#before")).to_contain_text("Numbers")
    expect(page.get_by_label("Numbers")).to_have_value("1 2 3")
    page.get_by_role("button", name="Submit the task").click()
    page.wait_for_url(re.compile(r"/tasks/[0-9a-f-]{36}/$"))
    expect(page.locator("#note-place")).to_contain_text("No worker of this group")
    task = page.url.rstrip("/").rsplit("/", 1)[1]
    start_worker("lamp")
    lab.wait(task)
    page.reload()
    expect(page.locator("#task-result")).to_contain_text("Mean")
    other = lab.submit(count=10_000, seconds=0.5)
    page.goto(f"/tasks/{other}/")
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("#question-title")).to_have_text("Cancel this task?")
    page.get_by_role("button", name="Cancel the task").click()
    expect(page.locator("#task-head .badge")).to_have_text("Cancelled")


# Times


def test_times_are_the_readers_own(
    log_in: OpenPage, lab: Lab, start_worker: Callable[..., Worker]
) -> None:
    start_worker("lamp")
    task = lab.submit(count=1)
    lab.wait(task)
    shown = []
    for zone in ("UTC", "Asia/Kolkata"):
        page = log_in(timezone_id=zone)
        page.goto(f"/tasks/{task}/")
        shown.append(page.locator("#events time").first.inner_text())
    hours, minutes = (
        (int(b) - int(a))
        for a, b in zip(shown[0].split(":")[:2], shown[1].split(":")[:2], strict=True)
    )
    assert (hours * 60 + minutes) % (24 * 60) == 330
