"""Staff learn no secret by filters of the admin, and no `next` breaks a page or leads away."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.admin_actions import SECRETS
from accounts.models import User, WorkerToken
from tests.conftest import PASSWORD

LOOKUPS = ("startswith", "gte", "regex", "exact", "isnull", "in")


@pytest.fixture
def lists():
    """Every model in the admin, with its page."""
    reverse("admin:index")  # which loads them
    return dict(admin.site._registry)


@pytest.fixture
def root(db, browser):
    return browser(User.objects.create_superuser("root", "root@example.org", PASSWORD))


def paths_to_secrets(model, deep=2):
    """The secrets of a model and of those that it refers to: "digest", "owner__password"."""
    for field in model._meta.get_fields():
        name = field.name
        if name in SECRETS:
            yield name
        if deep and field.is_relation and field.related_model:
            yield from (
                f"{name}__{path}" for path in paths_to_secrets(field.related_model, deep - 1)
            )


def test_no_list_is_filtered_by_a_secret(lists):
    """With "?digest__startswith=ab" a thousand questions would tell the whole digest."""
    tried = set()
    for model, page in lists.items():
        for path in set(paths_to_secrets(model)):
            tried.add(model.__name__)
            for lookup in ("", *(f"__{one}" for one in LOOKUPS)):
                assert not page.lookup_allowed(f"{path}{lookup}", "x", None), path
    assert {"User", "Session", "WorkerToken", "InviteLink", "Membership", "Task"} <= tried


@pytest.mark.parametrize(
    ("page", "filter_"),
    [
        ("workertoken", "digest__startswith"),
        ("workertoken", "owner__password__startswith"),
        ("session", "jti__startswith"),
        ("session", "user__stamp__gte"),
        ("user", "password__startswith"),
        ("user", "worker_tokens__digest__startswith"),
        ("user", "device_requests__user_code__startswith"),
    ],
)
def test_the_answer_does_not_depend_on_the_secret(root, alice, page, filter_):
    services.create_worker_token(owner=alice, name="x")
    services.open_session(alice)
    answers = {root.get(f"/admin/accounts/{page}/?{filter_}={text}").status_code for text in "a0f"}
    assert answers == {400}


def test_links_to_groups_are_no_oracle_either(root):
    assert root.get("/admin/groups/invitelink/?digest__startswith=a").status_code == 400


@pytest.mark.parametrize("search", ["digest", "password", "jti", "stamp", "user_code"])
def test_no_search_field_or_filter_is_a_secret(search, lists):
    for page in lists.values():
        named = [*page.search_fields, *map(str, page.list_filter)]
        assert not [name for name in named if search in name.split("__")]


def test_no_secret_is_shown_or_the_key_of_a_page(root, alice):
    services.create_worker_token(owner=alice, name="x")
    row = WorkerToken.objects.get()
    address = f"/admin/accounts/workertoken/{row.digest}/change/?_to_field=digest"
    assert root.get(address).status_code == 400
    page = root.get(f"/admin/accounts/workertoken/{row.pk}/change/")
    assert row.digest not in page.content.decode()


def test_the_links_between_lists_still_work(root, alice):
    for address in (
        f"accounts/session/?user__id__exact={alice.pk}",
        f"accounts/workertoken/?owner__id__exact={alice.pk}",
        f"accounts/auditentry/?target_id__exact={alice.pk}",
        f"groups/membership/?user__id__exact={alice.pk}",
        "accounts/user/?is_staff__exact=1",
    ):
        assert root.get(f"/admin/{address}").status_code == 200


# Where `next` leads

NOWHERE = [
    "foo",
    "foo/bar",
    "?a=1",
    "#x",
    "page:home",
    "page:group",
    ".",
    "..",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "http://[",
    "\x00/groups/",
    " /groups/",
    "é",
]
OURS = ["/groups/?a=1", "http://testserver/groups/", "/no/such/page/", "/é\x00\n"]


@pytest.mark.parametrize("where", NOWHERE)
def test_what_is_no_address_of_ours_leads_to_the_usual_page(alice, where):
    sent = {"login": "alice", "password": PASSWORD, "next": where}
    assert Client().post("/login/", sent).headers["Location"] == "/groups/"
    assert Client().post("/theme/", {"theme": "dark", "next": where}).headers["Location"] == "/"
    new = {"username": "erin", "email": "erin@example.org", "password": "four unrelated words"}
    assert Client().post("/register/", {**new, "next": where}).headers["Location"] == "/groups/"


@pytest.mark.parametrize("where", NOWHERE)
def test_a_page_with_such_a_next_is_shown(alice, browser, where):
    assert Client().get("/login/", {"next": where}).status_code == 200
    assert browser(alice).get("/login/", {"next": where}).headers["Location"] == "/groups/"


@pytest.mark.parametrize("where", NOWHERE)
def test_a_referer_like_that_leads_to_the_first_page(alice, browser, where):
    """Django's test client sends headers as they are; servers refuse some of these before."""
    answer = browser(alice).post("/invitations/decline/", headers={"Referer": where})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("where", OURS)
def test_an_address_of_ours_is_where_it_leads(alice, where):
    sent = {"login": "alice", "password": PASSWORD, "next": where}
    answer = Client().post("/login/", sent)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(("/", "http://testserver/"))


@pytest.mark.parametrize("where", NOWHERE)
def test_htmx_is_not_led_away_either(alice, where):
    sent = {"login": "alice", "password": PASSWORD, "next": where}
    answer = Client().post("/login/", sent, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/groups/"
    answer = Client().get("/groups/", headers={"HX-Request": "true", "HX-Current-URL": where})
    assert answer.headers["HX-Redirect"].startswith("/login/?next=")
