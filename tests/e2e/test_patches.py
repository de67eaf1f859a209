"""Parts of a page that change under a reader: what they look at and type into stays theirs.

These run the page's own script in a browser, without a server behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.needed import needs

pytestmark = needs("chromium")
STATIC = Path(settings.BASE_DIR) / "static"
SITE = "http://patches.test"
POLICY = "default-src 'self'; script-src 'self'"  # as strict as the server's
START = f"""<!DOCTYPE html><title>Patches</title>
<script type="module" src="{SITE}/start.js"></script>
<div id="place"></div>
<table><tbody id="rows"></tbody></table>
<svg id="bars"></svg>"""
SCRIPT = 'import { put } from "./firmlight/parts.js";\nwindow.put = put;\ndocument.title = "Ready";'

Put = Callable[..., None]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with the script that puts parts in place, and nothing else."""

    def serve(route: Route) -> None:
        path = route.request.url.removeprefix(SITE).lstrip("/")
        if path == "start.js":
            route.fulfill(body=SCRIPT, content_type="text/javascript")
        elif path:
            route.fulfill(path=STATIC / path)
        else:
            headers = {"Content-Security-Policy": POLICY}
            route.fulfill(body=START, content_type="text/html", headers=headers)

    context = browser.new_context(timezone_id="UTC")
    opened, complaints = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text))
    opened.route(f"{SITE}/**", serve)
    opened.goto(f"{SITE}/")
    expect(opened).to_have_title("Ready")
    yield opened
    context.close()
    assert not complaints


@pytest.fixture
def put(page: Page) -> Put:
    """put(id, html, place="place"): as a message of the live socket does."""
    return lambda part, html, place="place": page.evaluate(
        "([id, place, html]) => put(id, place, html)", [part, place, html]
    )


def buttons(*ids: str) -> str:
    inner = " ".join(f'<button type="button" id="{one}">{one}</button>' for one in ids)
    return f'<p id="part">{inner}</p>'


def test_a_part_is_added_where_it_belongs_and_then_changed(page: Page, put: Put) -> None:
    put("part", '<p id="part" class="a">one</p>')
    put("part", '<p id="part" data-x="1">two</p>')
    assert page.locator("#place").inner_html() == '<p id="part" data-x="1">two</p>'


def test_rows_and_shapes_are_made_where_they_may_stand(page: Page, put: Put) -> None:
    put("row", '<tr id="row"><td>1</td></tr>', place="rows")
    put("row", '<tr id="row"><td>2</td></tr>', place="rows")
    assert page.locator("#rows td").all_inner_texts() == ["2"]
    for width in (1, 2):
        put("bar", f'<g id="bar"><rect width="{width}"></rect></g>', place="bars")
    svg = "http://www.w3.org/2000/svg"
    assert page.locator("#bars rect").evaluate("one => one.namespaceURI") == svg
    assert page.locator("#bars rect").get_attribute("width") == "2"


@pytest.mark.parametrize(
    "after",
    [
        ("resume", "cancel", "again"),
        ("cancel",),
        ("other", "new", "resume", "cancel"),
        ("again", "cancel"),
    ],
)
def test_the_focus_stays_while_buttons_around_it_come_and_go(
    page: Page, put: Put, after: tuple[str, ...]
) -> None:
    put("part", buttons("pause", "cancel", "again"))
    page.locator("#cancel").focus()
    put("part", buttons(*after))
    expect(page.locator("#cancel")).to_be_focused()
    assert page.locator("button").all_inner_texts() == list(after)


def test_an_element_with_an_id_is_changed_into_nothing_else(page: Page, put: Put) -> None:
    put("part", buttons("pause", "cancel"))
    page.evaluate("window.cancel = document.getElementById('cancel')")
    page.evaluate("window.pause = document.getElementById('pause')")
    put("part", buttons("resume", "cancel"))
    assert page.evaluate("cancel === document.getElementById('cancel')")
    assert page.evaluate("pause.id === 'pause' && !pause.isConnected")


def test_selected_text_stays_selected_beside_what_changes(page: Page, put: Put) -> None:
    put("part", '<div id="part"><p id="word">chosen</p> <p>1</p></div>')
    page.evaluate("getSelection().selectAllChildren(document.getElementById('word'))")
    put("part", '<div id="part"><p id="word">chosen</p> <p>2</p></div>')
    assert page.evaluate("String(getSelection())") == "chosen"
    expect(page.locator("#part")).to_have_text("chosen 2")


def test_times_are_shown_in_the_readers_zone_after_each_change(page: Page, put: Put) -> None:
    for day in (1, 2):
        moment = f"2026-01-0{day}T12:00:00+00:00"
        put("part", f'<p id="part"><time datetime="{moment}" data-clock>UTC</time></p>')
        expect(page.locator("time")).to_have_text("12:00:00")
        assert page.locator("time").get_attribute("title")
