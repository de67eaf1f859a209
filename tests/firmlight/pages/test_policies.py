"""The policies that browsers get, and what is shown when something is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from firmlight import docs_pages, error_pages
from firmlight.templatetags.page_tags import device, when
from tests.support.pages import read, words

STRICT = "default-src 'self'"


def policy(answer) -> dict[str, str]:
    parts = (
        part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";")
    )
    return {name: sources for name, _, sources in parts}


def test_our_pages_allow_nothing_inline_and_nothing_from_elsewhere(alice, browser):
    for address in ("/", "/login/", "/docs/", "/nothing/"):
        said = policy(browser().get(address))
        assert said["default-src"] == said["form-action"] == "'self'"
        assert said["frame-ancestors"] == said["object-src"] == said["base-uri"] == "'none'"
        assert "unsafe" not in str(said)


def test_other_peoples_pages_may_have_inline_styles_but_no_inline_scripts(alice, browser):
    for address in ("/api/docs/", "/api/groups/", "/admin/login/"):
        said = policy(browser(alice).get(address, headers={"Accept": "text/html"}))
        assert "'unsafe-inline'" in said["style-src"], address
        assert "'unsafe-inline'" not in said.get("script-src", ""), address


def test_swagger_starts_from_a_file(db, browser):
    answer = browser().get("/api/docs/")
    assert not [
        one for one in read(answer).elements if one[0] == "script" and not one[1].get("src")
    ]
    assert (
        browser()
        .get("/api/docs/?script=")
        .headers["Content-Type"]
        .startswith("application/javascript")
    )


def test_cookies_and_headers_are_tight(alice, browser):
    client = browser()
    answer = client.post("/login/", {"login": "alice", "password": "correct-horse-battery"})
    assert answer.cookies["sessionid"]["httponly"]
    assert answer.cookies["sessionid"]["samesite"] == "Lax"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_form_without_its_token_does_nothing_and_says_why(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="accounts.backends.LoginBackend")
    answer = client.post("/groups/new/", {"name": "Night shift"})
    assert answer.status_code == 403
    assert "Nothing was done" in words(answer)


def test_an_unknown_address_has_a_page_for_everybody(alice, browser):
    for client in (browser(), browser(alice)):
        answer = client.get("/nothing/here/")
        assert answer.status_code == 404
        assert "There is nothing here" in words(answer)


def test_a_database_that_does_not_answer_is_told_without_asking_it(db, django_assert_num_queries):
    request = RequestFactory().get("/groups/")
    with django_assert_num_queries(0):
        answer = error_pages.ErrorPages(lambda _: None).process_exception(
            request, OperationalError("locked")
        )
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "Try again in a few seconds" in words(answer)


def test_the_api_answers_in_its_own_words(db, browser):
    assert browser().get("/api/nothing/").json()["code"] == "not_found"


@override_settings(DEBUG=False)
def test_a_fault_of_ours_has_a_page_that_tells_nothing_of_it(db, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(docs_pages, "shelves", broken)
    answer = Client(raise_request_exception=False).get("/docs/")
    assert answer.status_code == 500
    assert "Something went wrong here" in words(answer)
    assert b"secret detail" not in answer.content


def test_documents_link_to_one_another_and_show_no_raw_html(db, browser):
    address = docs_pages.address
    assert address("protocol.md", "reference/worker") == "/docs/reference/protocol/"
    reliability = "/docs/explanation/reliability/"
    assert address("../explanation/reliability.md#x", "decisions/0001") == f"{reliability}#x"
    assert address("../../client/worker.py", "reference/protocol") == ""
    assert address("https://example.org/", "reference/protocol") == "https://example.org/"
    html = docs_pages._markdown().render(
        "<script>x</script> [a](javascript:x) | b\n", {"slug": "protocol"}
    )
    assert "<script>" not in html
    assert "href=" not in html


@pytest.mark.parametrize(
    "path", ["../README", "..%2F..%2Fsettings", "nothing", "decisions", "start"]
)
def test_only_documents_are_read(db, browser, path):
    assert browser().get(f"/docs/{path}/").status_code == 404


def test_every_document_has_a_page(db, browser):
    for slug in docs_pages.library():
        assert browser().get(f"/docs/{slug}/").status_code == 200, slug


def test_moments_and_devices_are_words():
    now = timezone.now()
    assert "a moment ago" in when(now)
    assert "3\xa0hours ago" in when(now - timedelta(hours=3))
    assert "in 2\xa0days" in when(now + timedelta(days=3))
    assert when(None) == "never"
    assert (
        device("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0")
        == "Firefox on Linux"
    )
    assert device("") == "Some device"
