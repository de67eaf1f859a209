"""The whole story: two people meet, one lends a machine, the other submits and collects."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from embedded.system import System
from tests.e2e.conftest import OpenPage
from tests.support import program
from tests.support.needed import needs
from tests.support.program import read_until
from tests.support.worker import Worker
from tests.system.lab import PASSWORD, Lab

pytestmark = needs("chromium")
NUMBERS = [n * n / 7 for n in range(5000)]


def new_task(page: Page, lab: Lab, kind: str) -> None:
    page.goto(f"/groups/{lab.group}/")
    page.get_by_role("link", name="New task").click()
    page.get_by_role("link", name=re.compile(f"^{kind}")).click()


def send(page: Page) -> str:
    """Submit the form that is open; returns the task's id."""
    page.get_by_role("button", name="Submit the task").click()
    page.wait_for_url(re.compile(r"/tasks/[0-9a-f-]{36}/$"))
    return page.url.rstrip("/").rsplit("/", 1)[1]


def head_says(page: Page, status: str) -> None:
    expect(page.locator("#task-head .badge")).to_have_text(status)


def percent(page: Page) -> float:
    return float(page.locator("#progress").get_attribute("data-percent") or 0)


def downloaded(page: Page, name: str) -> str:
    with page.expect_download() as started:
        page.get_by_role("link", name=name, exact=True).click()
    return Path(started.value.path()).read_text()


# They meet


def register(page: Page, name: str) -> None:
    page.goto("/register/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("E-mail").fill(f"{name}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    page.wait_for_url("**/groups/")


def test_two_people_meet_and_one_lends_a_machine_by_a_code(
    open_page: OpenPage, system: System, tmp_path: Path
) -> None:
    mark = uuid4().hex[:8]
    dora, emil = open_page(), open_page()
    register(dora, f"dora-{mark}")
    register(emil, f"emil-{mark}")

    dora.get_by_role("link", name="New group").first.click()
    dora.get_by_label("Name").fill(f"Number evenings {mark}")
    dora.get_by_role("button", name="Create the group").click()
    dora.get_by_role("link", name="Invitations").click()
    dora.get_by_label("Usernames").fill(f"emil-{mark}")
    dora.get_by_role("button", name="Invite", exact=True).click()

    expect(emil.locator("#toasts")).to_contain_text(
        f"Number evenings {mark}"
    )  # it pops up on the page they are on
    emil.goto("/notifications/")
    emil.get_by_role("button", name="Accept").first.click()
    expect(emil.get_by_role("link", name=f"Number evenings {mark}").first).to_be_visible()

    emil.goto("/workers/get/")
    line = emil.locator("#line-1").inner_text()
    assert re.fullmatch(
        rf"pip install {system.url}/download/\S+\.whl && firmlight login {system.url} --worker",
        line,
    )
    with firmlight(tmp_path, "login", system.url, "--worker") as login:
        said = read_until(login, "Waiting")
        (code,) = re.findall(r"^ {4}([A-Z]{4}-[A-Z]{4})$", said, re.MULTILINE)
        emil.get_by_label("Code").fill(code.lower())
        emil.get_by_role("button", name="Go on").click()
        expect(emil.locator(".code-big")).to_have_text(code)
        emil.get_by_role("button", name="Yes, let it work for me").click()
        assert f"may now work for emil-{mark}" in read_until(login, "firmlight work")
    with firmlight(tmp_path, "work", "--slots", "1", "--plain", "--name", "emils-desk"):
        expect(emil.locator("#appeared")).to_contain_text("emils-desk is ready")
        dora.get_by_role("link", name="Tasks", exact=True).click()
        expect(dora.locator("#workers")).to_contain_text("emils-desk")


@contextlib.contextmanager
def firmlight(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`firmlight …` as a process of its own."""
    process = program.start([sys.executable, "-m", "firmlight_client", *words], home)
    try:
        yield process
    finally:
        program.end(process)


# They compute


@pytest.fixture
def desk(start_worker: Callable[..., Worker]) -> Worker:
    return start_worker("desk", "--allow-private-networks", slots=2)


def test_a_number_typed_into_the_form_comes_back_as_its_factors(
    log_in: OpenPage, lab: Lab, desk: Worker
) -> None:
    page = log_in()
    new_task(page, lab, "Factorization")
    page.get_by_label("Number").fill("1000000016000000063")
    expect(page.locator("#before")).to_contain_text("desk")  # who would take it
    send(page)
    head_says(page, "Succeeded")
    formula = page.locator(".formula")
    expect(formula).to_be_visible()
    assert re.sub(r"\s", "", formula.inner_text()) == "1000000007×1000000009"
    found = json.loads(downloaded(page, "JSON"))
    assert found["factors"] == [["1000000007", 1], ["1000000009", 1]]
    assert list(csv.reader(io.StringIO(downloaded(page, "CSV"))))[1:] == [
        ["1000000007", "1"],
        ["1000000009", "1"],
    ]


def test_a_file_of_numbers_is_looked_at_before_it_is_sent_and_its_mean_is_right(
    log_in: OpenPage, lab: Lab, desk: Worker, tmp_path: Path
) -> None:
    file = tmp_path / "squares.csv"
    file.write_text("square\n" + "\n".join(map(repr, NUMBERS)) + "\nn/a\n")
    page = log_in()
    new_task(page, lab, "Mean")
    page.locator("input[type=file]").set_input_files(file)
    before = page.locator("#before")
    expect(before).to_contain_text("5,000")
    before.get_by_text("Left out of the file").click()
    expect(before).to_contain_text("line 1 is a heading")
    expect(before).to_contain_text("line 5002 says 'n/a'")
    page.get_by_label("Title").fill("Squares")
    send(page)
    head_says(page, "Succeeded")
    found = json.loads(downloaded(page, "JSON"))
    assert found["count"] == 5000
    assert found["mean"] == pytest.approx(sum(NUMBERS) / 5000, rel=1e-12)
    expect(page.locator("#task-result")).to_contain_text(repr(found["mean"]))
    expect(page.get_by_role("img", name=re.compile("^Histogram of 5,000 numbers"))).to_be_visible()


def test_a_site_is_crawled_and_its_tree_can_be_searched(
    log_in: OpenPage, lab: Lab, desk: Worker, site: str
) -> None:
    page = log_in()
    new_task(page, lab, "Crawler")
    page.get_by_label("Addresses").fill(site)
    send(page)
    head_says(page, "Succeeded")
    tree = page.locator("#crawl-found")
    for title in ("Home <b>", "Page a", "Page b"):
        expect(tree).to_contain_text(title)
    expect(tree).to_contain_text("404")
    page.get_by_label("Search pages").fill("page a")
    expect(tree).not_to_contain_text("Page b")
    expect(tree.locator("mark").first).to_have_text(re.compile("page a", re.IGNORECASE))


def test_what_is_wrong_is_said_beside_the_field_before_anything_is_sent(
    log_in: OpenPage, lab: Lab
) -> None:
    page = log_in()
    new_task(page, lab, "Factorization")
    number = page.get_by_label("Number")
    number.fill("12S4")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.get_by_role("button", name="Submit the task").click()
    expect(
        page.get_by_text("Place 3 is “S”. Only the digits 0 to 9 can stand here.")
    ).to_be_visible()
    expect(number).to_be_focused()
    assert "POST" not in asked
    number.fill("1234")
    expect(page.get_by_text("Place 3 is")).to_be_hidden()


# They watch


@pytest.fixture
def two_desks(start_worker: Callable[..., Worker]) -> Iterator[list[Worker]]:
    yield [start_worker("lamp"), start_worker("tower", person=2)]


def test_progress_is_seen_to_move_and_a_killed_worker_is_told(
    log_in: OpenPage, lab: Lab, two_desks: list[Worker]
) -> None:
    page = log_in()
    task = lab.submit(count=60, seconds=0.15)
    page.goto(f"/tasks/{task}/")
    expect(page.locator("#contributions")).to_contain_text("lamp")
    expect(page.locator("#contributions")).to_contain_text("tower")
    before = percent(page)
    page.wait_for_function(
        "before => document.getElementById('progress').dataset.percent > before", arg=before
    )
    assert re.match(r"\d+ % · ", page.title())
    two_desks[0].kill()
    expect(page.locator("#events")).to_contain_text("Lost")
    expect(page.locator("#events")).to_contain_text("lamp")
    expect(page.locator(".tb-lost").first).to_be_attached()
    expect(page.locator("#events")).to_contain_text("Taken over")
    head_says(page, "Succeeded")
    assert percent(page) == 100
    expect(page.locator("#task-result")).to_contain_text("1770")
    assert lab.result(task) == {"count": 60, "sum": 1770}


def test_pause_resume_and_cancel(log_in: OpenPage, lab: Lab, two_desks: list[Worker]) -> None:
    page = log_in()
    task = lab.submit(count=400, seconds=0.2)
    page.goto(f"/tasks/{task}/")
    page.get_by_role("button", name="Pause").click()
    head_says(page, "Paused")
    expect(page.locator("#note-place")).to_contain_text("It is paused.")
    page.get_by_role("button", name="Resume").click()
    head_says(page, "Running")
    page.get_by_role("link", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Cancel this task?")
    dialog.get_by_text("Keep it running").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel the task").click()
    head_says(page, "Cancelled")
    page.get_by_role("link", name="Submit again").click()
    expect(page.get_by_role("spinbutton", name="Count")).to_be_visible()


def test_a_notification_pops_up_elsewhere_and_leads_to_the_task(
    log_in: OpenPage, lab: Lab, desk: Worker
) -> None:
    page = log_in()
    page.goto("/groups/")
    task = lab.submit(count=3)
    toast = page.locator("#toasts .toast").first
    expect(toast).to_be_visible()
    toast.get_by_role("link", name="Open").click()
    page.wait_for_url(f"**/tasks/{task}/")
    expect(page.locator("#task-result")).to_contain_text("sum")


def test_the_page_of_the_group_moves_by_itself(
    log_in: OpenPage, lab: Lab, start_worker: Callable[..., Worker]
) -> None:
    page = log_in(1)
    long = lab.submit(count=20_000, seconds=0.01)
    page.goto(f"/groups/{lab.group}/")
    row = page.locator(f"#task-{long}")
    expect(row).to_contain_text("0 %")
    fresh = lab.submit(person=2, count=4)  # no one waits for a long task of another
    page.get_by_role("link", name=re.compile("1 new task")).click()
    expect(page.locator(f"#task-{fresh}")).to_contain_text("0 %")
    start_worker("late desk")
    expect(page.locator("#workers")).to_contain_text("late desk")
    expect(row.locator("progress")).not_to_have_attribute("value", "0.0")
    expect(page.locator(f"#task-{fresh} .badge")).to_have_text("Succeeded")
    lab.api[0].post(f"tasks/{long}/cancel/")
    expect(row.locator(".badge")).to_have_text("Cancelled")


def test_a_lost_connection_shows_and_heals(log_in: OpenPage, lab: Lab, system: System) -> None:
    page = log_in()
    task = lab.submit(count=1)
    page.goto(f"/tasks/{task}/")
    expect(page.locator("#note-place")).to_contain_text("No worker of this group")
    head_says(page, "Running")
    system.stop_part("web")
    expect(page.locator("#offline")).to_be_visible()
    head_says(page, "Running")  # the last values stay
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("#toasts")).to_contain_text("The server cannot be reached. Try again.")
    system.start_part("web")
    expect(page.locator("#offline")).to_be_hidden()
    lab.until(lambda: answers(lab, task), bool)


def answers(lab: Lab, task: str) -> Any:
    return lab.api[0].post(f"tasks/{task}/cancel/").is_success
