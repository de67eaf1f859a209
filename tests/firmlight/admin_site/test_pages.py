"""Every page of the admin: who sees it, and what it costs."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from accounts.models import Notification, Session, User, WorkerToken
from firmlight import urls  # noqa: F401  loads the admin
from groups.models import Group
from tasks.models import SubtaskFailure, Task, Worker

QUERIES_MAX = 10
MODELS = {model._meta.label: model for model in admin.site._registry}
SUPERUSERS_ONLY = {"auth.Group"}


def page(label: str, name: str = "changelist", *args: object) -> str:
    return reverse(f"admin:{label.lower().replace('.', '_')}_{name}", args=args)


def row_of(label, crowd):
    return crowd.get(label) or MODELS[label].objects.first()


def visit(client, address):
    """The page and what is wrong with it: its status, or that it took too many queries."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    if answer.status_code != 200:
        return answer, [f"{address} answers {answer.status_code}"]
    if len(queries) > QUERIES_MAX:
        return answer, [
            f"{address} takes {len(queries)} queries",
            *(query["sql"][:300] for query in queries),
        ]
    return answer, []


@pytest.mark.parametrize("who", ["moderator", "superuser"])
def test_no_page_of_two_hundred_rows_takes_more_than_ten_queries(request, browser, crowd, who):
    client, wrong = browser(request.getfixturevalue(who)), []
    for label in sorted(MODELS.keys() - (SUPERUSERS_ONLY if who == "moderator" else set())):
        row = row_of(label, crowd)
        searched = (
            [page(label) + "?q=a"] if admin.site._registry[MODELS[label]].search_fields else []
        )
        for address in [page(label), *searched, *([page(label, "change", row.pk)] if row else [])]:
            wrong += visit(client, address)[1]
    assert not wrong, "\n".join(wrong)


def test_the_overview_takes_no_more_than_ten_either(browser, crowd, moderator):
    answer, wrong = visit(browser(moderator), reverse("admin:index"))
    assert not wrong, "\n".join(wrong)
    facts = LexborHTMLParser(answer.text).css(".ov-fact")
    shown = {fact.css_first("dt").text(): fact.css_first("dd").text() for fact in facts}
    assert shown["Workers online"] == "200"
    assert shown["Tasks of today, failed"] == "200"
    assert shown["Failed attempts today"] == "200"


def test_staff_without_permissions_sees_nothing(browser, crowd, make_user):
    clerk = make_user("clerk")
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    client = browser(clerk)
    overview = client.get(reverse("admin:index")).text
    assert "Workers online" not in overview
    for label in MODELS:
        assert client.get(page(label)).status_code == 403, label
        assert page(label) not in overview


def test_who_is_not_staff_does_not_get_in(browser, alice):
    for client in (browser(), browser(alice)):
        for label in MODELS:
            assert client.get(page(label)).status_code == 302, label


def test_nothing_is_added_edited_or_deleted_by_a_moderators_hand(browser, crowd, moderator):
    client = browser(moderator)
    for label in MODELS.keys() - SUPERUSERS_ONLY:
        assert client.get(page(label, "add")).status_code == 403, label
        if row := row_of(label, crowd):
            _try_everything(client, label, row)


def _try_everything(client, label, row):
    before = MODELS[label].objects.filter(pk=row.pk).values().get()
    assert (
        client.post(
            page(label, "change", row.pk), {"is_superuser": "on", "status": "x"}
        ).status_code
        == 403
    ), label
    assert client.post(page(label, "delete", row.pk), {"post": "yes"}).status_code == 403, label
    client.post(
        page(label), {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
    )
    assert MODELS[label].objects.filter(pk=row.pk).values().get() == before, label


def test_pages_load_nothing_from_elsewhere_and_have_no_inline_script_or_style(
    browser, crowd, moderator
):
    client = browser(moderator)
    for address in (
        reverse("admin:index"),
        page("tasks.Task"),
        page("tasks.Task", "change", crowd["tasks.Task"].pk),
    ):
        text = client.get(address).text
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
        assert not re.findall(r"<style|<script(?![^>]*\b(?:src=|json))|\son\w+=|javascript:", text)


def test_what_people_write_is_text_on_every_page(browser, crowd, moderator):
    evil = "<script>alert(1)</script>"
    for model in (Task, Worker, Group, SubtaskFailure, Notification, Session, WorkerToken):
        texts = [
            f.name
            for f in model._meta.concrete_fields
            if f.get_internal_type() in ("CharField", "TextField")
        ]
        free = [
            name
            for name in texts
            if not model._meta.get_field(name).choices and not _is_unique(model, name)
        ]
        model.objects.update(**dict.fromkeys(free, evil))
    client = browser(moderator)
    for label in sorted(MODELS.keys() - SUPERUSERS_ONLY):
        row = row_of(label, crowd)
        for address in [
            page(label),
            *([page(label, "change", row.pk)] if row else []),
            reverse("admin:index"),
        ]:
            text = client.get(address).text
            assert "<script>alert" not in text, address


def _is_unique(model, name):
    return any(
        model._meta.get_field(name).name in one.fields for one in model._meta.constraints
    ) or (model._meta.get_field(name).unique)


def test_the_hash_of_a_password_is_on_no_page(browser, superuser, alice):
    text = browser(superuser).get(page("accounts.User", "change", alice.pk)).text
    assert alice.password not in text
    assert "argon2" not in text


def test_users_are_found_by_a_part_of_the_name_but_only_by_the_whole_address(
    browser, alice, bob, moderator
):
    client = browser(moderator)

    def found(words: str) -> list[str]:
        text = client.get(page("accounts.User"), {"q": words}).text
        return [
            user.username
            for user in (alice, bob)
            if page("accounts.User", "change", user.pk) in text
        ]

    assert [found(words) for words in ("LIC", "Bob@example.org", "example.org")] == [
        ["alice"],
        ["bob"],
        [],
    ]


def test_groups_are_found_by_a_part_of_the_name_in_any_case(browser, group, moderator):
    client = browser(moderator)
    link = page("groups.Group", "change", group.pk)
    for words, is_found in (("b SEV", True), ("seventh", False)):
        assert (link in client.get(page("groups.Group"), {"q": words}).text) == is_found, words


def test_a_running_tasks_counts_are_live(browser, moderator, split, lease, laptop):
    task = split(count=3)
    lease(laptop)
    text = browser(moderator).get(page("tasks.Task", "change", task.pk)).text
    assert "3 total, 0 done, 1 leased, 2 waiting, 0 failed" in text
    assert Task.objects.get().subtasks == 0, "the row has no counts before the end"
