"""What holds for all pages: they come, with nothing inline, with links that lead somewhere, and
cheaply.
"""

from __future__ import annotations

from urllib.parse import urldefrag, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import notifications
from accounts import services as accounts
from groups import services as groups
from groups.models import Membership
from tasks.models import Task
from tests.support.databases import queries_max
from tests.support.pages import attributes, read

QUERIES_MAX = queries_max(10, joins=2)
FOR_ALL = (
    "downloads",
    "home",
    "login",
    "register",
    "forgotten",
    "password-sent",
    "docs",
    "about",
    "privacy",
    "terms",
)
FOR_MEMBERS = (
    "device", "get-worker", "my-tasks", "workers",
    "groups", "new-group", "find-groups", "notifications", "delete-all",
    "profile", "sessions", "end-all-sessions", "tokens", "delete-account",
)  # fmt: skip
OF_A_GROUP = ("new-task", "group", "members", "group-settings", "leave")
OF_ITS_LEADERS = ("invitations",)
OF_ITS_OWNER = ("delete-group",)


@pytest.fixture
def busy(group, alice, bob, carol, make_user):
    """The group with something of everything in it; a second one is looked at as well."""
    for i in range(12):
        Membership.objects.create(group=group, user=make_user(f"member{i}"))
        Task.objects.create(
            group=group, creator=bob, kind="ECHO", kind_version="1", title=f"Task {i}", subtasks=9
        )
        groups.create_group(owner=bob, name=f"Group {i}")
    groups.update_group(editor=alice, group_id=group.pk, joining="ask")
    groups.invite(
        inviter=alice,
        group_id=group.pk,
        usernames=[make_user(f"guest{i}").username for i in range(3)],
    )
    groups.ask_to_join(user=carol, group_id=group.pk)
    groups.make_link(maker=alice, group_id=group.pk, days=3, uses=2)
    other = groups.create_group(owner=bob, name="Night shift")
    groups.invite(inviter=bob, group_id=other.pk, usernames=["alice"])
    for i in range(8):
        notifications.notify(
            [alice.pk], code="member_joined", level="info", text=f"Note {i}", group=group.pk
        )
    accounts.create_worker_token(owner=alice, name="laptop")
    return group


def addresses(group) -> list[str]:
    plain = [reverse(f"page:{name}") for name in FOR_ALL + FOR_MEMBERS]
    of_group = [
        reverse(f"page:{name}", args=(group.pk,))
        for name in OF_A_GROUP + OF_ITS_LEADERS + OF_ITS_OWNER
    ]
    return [*plain, *of_group, reverse("page:document", args=("explanation/reliability",))]


def test_every_page_comes_with_ten_queries_at_most_and_nothing_inline(busy, alice, browser):
    client = browser(alice)
    client.get("/groups/")  # the session is in the cache after that
    for address in addresses(busy):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(address)
        assert answer.status_code in (200, 302), address
        assert len(queries) <= QUERIES_MAX, (address, [query["sql"] for query in queries])
        nothing_inline(answer, address)


def test_pages_for_everybody_come_to_nobody_in_particular(db, browser):
    for name in FOR_ALL:
        answer = browser().get(reverse(f"page:{name}"))
        assert answer.status_code == 200, name
        nothing_inline(answer, name)


@pytest.mark.parametrize("name", FOR_ALL)
def test_a_page_for_everybody_describes_itself_to_search_engines(db, browser, name):
    address = reverse(f"page:{name}")
    text = attributes(browser().get(address), "meta", name="description")["content"]
    assert 40 <= len(text) <= 160


def test_a_document_describes_itself_by_its_title(db, browser):
    answer = browser().get(reverse("page:document", args=("explanation/reliability",)))
    assert attributes(answer, "meta", name="description")["content"].startswith("Reliability")


def nothing_inline(answer, address):
    for tag, attrs, text in read(answer).elements:
        assert tag != "style" and "style" not in attrs, (address, tag)
        assert tag != "script" or (attrs.get("src") and not text.strip()), address
        assert not [name for name in attrs if name.startswith(("on", "hx-on"))], (address, attrs)
        assert not str(attrs.get("href", "")).startswith("javascript:"), address


def test_every_link_and_form_on_every_page_leads_somewhere(busy, alice, browser):
    client, seen = browser(alice), set()
    todo = addresses(busy)
    while todo:
        address = todo.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code in (200, 204, 302), address
        if answer.status_code == 200 and not address.startswith(("/api/", "/admin/")):
            todo += {link for link in links(answer, address) if link not in seen}
    assert len(seen) > 40


def links(answer, address):
    for tag, attrs, _ in read(answer).elements:
        target = attrs.get("href") if tag == "a" else attrs.get("hx-get") or ""
        url = urlsplit(urldefrag(target or "")[0])
        if (
            url.scheme
            or url.netloc
            or not (url.path or url.query)
            or url.path.startswith("/admin/")
        ):
            continue
        yield (url.path or urlsplit(address).path) + (f"?{url.query}" if url.query else "")
        if tag == "form":
            assert attrs.get("method", "get") == "get" or "action" in attrs


def test_every_form_that_changes_something_carries_the_token(busy, alice, browser):
    client = browser(alice)
    for address in addresses(busy):
        html = client.get(address).content.decode()
        assert html.count('method="post"') == html.count("csrfmiddlewaretoken"), address


def test_nobody_in_particular_is_sent_to_log_in_and_comes_back(group, alice, browser):
    for name in FOR_MEMBERS:
        answer = browser().get(reverse(f"page:{name}"))
        assert answer.headers["Location"] == f"/login/?next={reverse(f'page:{name}')}"
    answer = browser().post(
        "/login/?next=/profile/tokens/", {"login": "alice", "password": "correct-horse-battery"}
    )
    assert answer.headers["Location"] == "/profile/tokens/"


def test_a_stranger_is_told_that_the_group_does_not_exist(group, carol, browser):
    for name in OF_A_GROUP + OF_ITS_LEADERS + OF_ITS_OWNER:
        answer = browser(carol).get(reverse(f"page:{name}", args=(group.pk,)))
        assert answer.status_code == 404, name
        assert b"Lab Seven" not in answer.content


def test_a_member_sees_what_is_his_and_is_refused_the_rest(group, bob, browser):
    for name in OF_A_GROUP:
        assert browser(bob).get(reverse(f"page:{name}", args=(group.pk,))).status_code == 200, name
    for name in OF_ITS_LEADERS + OF_ITS_OWNER:
        assert browser(bob).get(reverse(f"page:{name}", args=(group.pk,))).status_code == 403, name
