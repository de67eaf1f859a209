"""One's own account: name, address, password, sessions, tokens, the end."""

from __future__ import annotations

from accounts.models import Session, User, WorkerToken
from tests.conftest import PASSWORD
from tests.support.pages import beside, words


def test_a_name_that_another_one_has_is_refused_beside_its_field(alice, bob, browser):
    client = browser(alice)
    assert (
        beside(client.post("/profile/name/", {"name-username": "Bob"}), "name-username")
        == "This user name is taken."
    )
    assert (
        client.post("/profile/name/", {"name-username": "alicia"}).headers["Location"]
        == "/profile/"
    )
    assert "Your user name is alicia now." in words(client.get("/profile/"))


def test_another_address_needs_the_password(alice, browser):
    client, new = browser(alice), "new@example.org"
    wrong = client.post("/profile/email/", {"email-email": new, "email-password": "no"})
    assert beside(wrong, "email-password") == "This is not your password."
    client.post("/profile/email/", {"email-email": new, "email-password": PASSWORD})
    assert User.objects.get(pk=alice.pk).email == new


def test_a_new_password_ends_the_other_sessions_and_not_this_one(alice, browser):
    here, there = browser(alice), browser(alice)
    form = {"password-old_password": "no", "password-new_password": "four unrelated words"}
    assert (
        beside(here.post("/profile/password/", form), "password-old_password")
        == "This is not your password."
    )
    here.post("/profile/password/", form | {"password-old_password": PASSWORD})
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302


def test_sessions_are_listed_with_this_one_marked_and_end_one_by_one(alice, browser):
    here, there = browser(alice), browser(alice)
    text = words(here.get("/profile/sessions/"))
    assert text.count("this one") == 1
    other = Session.objects.get(pk=there.session["sid"])
    assert "End this session?" in words(here.get(f"/profile/sessions/{other.pk}/end/"))
    here.post(f"/profile/sessions/{other.pk}/end/")
    assert there.get("/profile/").status_code == 302
    assert here.get("/profile/").status_code == 200


def test_nobody_ends_somebody_elses_session(alice, bob, browser):
    browser(alice)
    session = Session.objects.get(user=alice)
    assert browser(bob).post(f"/profile/sessions/{session.pk}/end/").status_code == 404
    assert Session.objects.get(pk=session.pk).revoked is None


def test_logging_out_everywhere_includes_this_browser(alice, browser):
    here, there = browser(alice), browser(alice)
    here.post("/profile/sessions/end/")
    assert here.get("/profile/").status_code == there.get("/profile/").status_code == 302


def test_the_text_of_a_new_token_is_shown_once(alice, browser):
    client = browser(alice)
    answer = client.post("/profile/tokens/", {"name": "laptop"})
    assert "flw_" in words(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    assert "flw_" not in words(client.get("/profile/tokens/"))
    assert (
        beside(client.post("/profile/tokens/", {"name": ""}), "name") == "This field is required."
    )


def test_a_token_is_revoked_after_a_question(alice, bob, browser):
    browser(alice).post("/profile/tokens/", {"name": "laptop"})
    token = WorkerToken.objects.get()
    assert browser(bob).post(f"/profile/tokens/{token.pk}/revoke/").status_code == 404
    assert "Revoke the token of laptop?" in words(
        browser(alice).get(f"/profile/tokens/{token.pk}/revoke/")
    )
    browser(alice).post(f"/profile/tokens/{token.pk}/revoke/")
    assert not WorkerToken.objects.live().exists()


def test_an_account_is_deleted_with_the_password_only(alice, browser):
    client = browser(alice)
    assert (
        beside(client.post("/profile/delete/", {"password": "no"}), "password")
        == "This is not your password."
    )
    assert client.post("/profile/delete/", {"password": PASSWORD}).headers["Location"] == "/"
    assert not User.objects.filter(pk=alice.pk).exists()
    assert client.get("/groups/").status_code == 302


def test_a_question_is_a_dialog_for_htmx_and_a_page_without_it(alice, browser):
    page, part = (
        browser(alice).get("/profile/delete/"),
        browser(alice, htmx=True).get("/profile/delete/"),
    )
    assert b"<html" in page.content
    assert (
        b"hx-post"
        not in page.content.partition(b'<form method="post" action="/profile/delete/"')[2][:200]
    )
    assert b"<html" not in part.content
    assert b'hx-target="#question"' in part.content
    wrong = browser(alice, htmx=True).post("/profile/delete/", {"password": "no"})
    assert wrong.status_code == 422
    assert b"<html" not in wrong.content
    done = browser(alice, htmx=True).post("/profile/delete/", {"password": PASSWORD})
    assert done.headers["HX-Redirect"] == "/"
