"""What acts for a user without their password ends when they end all access."""

import pytest
from django.test import Client

from accounts import selectors, services
from accounts.errors import BadToken
from accounts.models import DeviceRequest, Session, User, WorkerToken
from accounts.pages import login as pages
from accounts.services.email_addresses import confirmation_token
from accounts.services.passwords import reset_tokens
from groups import services as groups
from groups.models import InviteLink
from tests.conftest import PASSWORD

NEW = "another-good-one-23"


def change(user):
    services.change_password(user=user, old=PASSWORD, new=NEW)


def reset(user):
    services.reset_password(str(user.pk), reset_tokens.make_token(user), NEW)


def log_out_everywhere(user):
    services.end_all_sessions(user)


def block_for_a_while(user):
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    services.block_user(user, by=root)
    services.unblock_user(user, by=root)


def set_by_command(user):
    user.set_password(NEW)
    user.save()


ENDS = [change, reset, log_out_everywhere, block_for_a_while, set_by_command]


@pytest.fixture(autouse=True)
def impatient(settings):
    settings.DEVICE_POLL_SECONDS = 0


def confirmed_code(user, scope="user"):
    asked, code = services.request_device_access(name="pi", scope=scope)
    services.approve_device(user=user, code=asked.user_code)
    return code


def take(api, code):
    return api().post("/api/auth/device/token/", {"device_code": code})


@pytest.mark.parametrize("end", ENDS)
def test_a_confirmed_code_is_worth_nothing_afterwards(alice, api, end):
    code = confirmed_code(alice)
    end(alice)
    answer = take(api, code)
    assert (answer.status_code, answer.json()["code"]) == (400, "access_denied")
    assert not WorkerToken.objects.exists()
    assert not Session.objects.filter(revoked=None).exists()


def test_a_code_that_is_confirmed_afterwards_is_good(alice, api):
    change(alice)
    assert take(api, confirmed_code(alice)).status_code == 200


def test_a_request_that_read_the_user_before_confirms_nothing(alice, api):
    """Whoever knew the old password confirms a code at the moment when it changes."""
    asked, code = services.request_device_access(name="pi", scope="user")
    before = User.objects.get(pk=alice.pk)
    change(alice)
    services.approve_device(user=before, code=asked.user_code)
    assert take(api, code).json()["code"] == "access_denied"


def test_a_claim_at_the_moment_of_the_change_leaves_no_access(alice, api, monkeypatch):
    code, approver = confirmed_code(alice), services.devices._approver

    def meanwhile(found):
        user = approver(found)
        reset(User.objects.get(pk=user.pk))
        return user

    monkeypatch.setattr(services.devices, "_approver", meanwhile)
    assert take(api, code).json()["code"] == "access_denied"
    assert not WorkerToken.objects.live().exists()
    assert not Session.objects.filter(revoked=None).exists()
    assert DeviceRequest.objects.get().status == "taken"


@pytest.mark.parametrize("end", ENDS)
def test_links_in_emails_end_too(alice, api, end):
    confirm = {"token": confirmation_token(alice, "thief@example.org")}
    set_anew = {"uid": str(alice.pk), "token": reset_tokens.make_token(alice), "password": NEW}
    end(alice)
    for address, body in (("email/confirm/", confirm), ("password-reset/confirm/", set_anew)):
        answer = api().post(f"/api/auth/{address}", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "link_not_valid")


@pytest.mark.parametrize("end", ENDS[:4])
def test_links_into_groups_that_they_made_end_and_those_of_others_stay(
    alice, bob, carol, group, api, end
):
    bob.memberships.update(role="moderator")
    _, hers = groups.make_link(maker=alice, group_id=group.pk, days=1, uses=9)
    _, his = groups.make_link(maker=bob, group_id=group.pk, days=1, uses=9)
    end(alice)
    assert api(carol).post("/api/groups/join/", {"code": hers}).status_code == 404
    assert api(carol).post("/api/groups/join/", {"code": his}).status_code == 200
    assert InviteLink.objects.count() == 1


def test_a_renewed_hash_ends_nothing(alice, api):
    """A log-in renews an outdated hash; that is no new password."""
    token = confirmation_token(alice, alice.email)
    alice._renew_hash(PASSWORD)
    assert api().post("/api/auth/email/confirm/", {"token": token}).status_code == 204
    assert selectors.user_by_login("alice").email_confirmed


# Requests that were let in before, and store something afterwards


def as_read_before(user, end):
    """The user as a request read them that began before `end`."""
    before = User.objects.get(pk=user.pk)
    end(User.objects.get(pk=user.pk))
    return before


@pytest.mark.parametrize("end", ENDS[:4])
def test_a_request_that_began_before_makes_no_worker_token(alice, end):
    thief = as_read_before(alice, end)
    with pytest.raises(BadToken):
        services.create_worker_token(owner=thief, name="theirs")
    assert not WorkerToken.objects.live().exists()


@pytest.mark.parametrize("end", ENDS)
def test_a_log_in_that_was_checked_before_opens_no_session(alice, end):
    thief = as_read_before(alice, end)
    with pytest.raises(BadToken):
        services.open_session(thief)
    assert not Session.objects.live().exists()


def test_nor_does_one_of_a_browser(alice, monkeypatch):
    checked = pages.services.check_credentials

    def meanwhile(**facts):
        user = checked(**facts)
        reset(User.objects.get(pk=user.pk))
        return user

    monkeypatch.setattr(pages.services, "check_credentials", meanwhile)
    client = Client()
    answer = client.post("/login/", {"login": "alice", "password": PASSWORD})
    assert answer.headers["Location"].startswith("/login/")
    assert not Session.objects.live().exists()
    assert client.get("/profile/").status_code == 302


def test_a_user_who_was_blocked_meanwhile_gets_no_access(alice):
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    before = as_read_before(alice, lambda user: services.block_user(user, by=root))
    with pytest.raises(BadToken):
        services.create_worker_token(owner=before, name="theirs")
    assert not WorkerToken.objects.live().exists()


# A code that cannot be exchanged at the moment


def test_a_code_is_not_spent_while_there_are_too_many_tokens(alice, api, settings):
    settings.WORKER_TOKENS_PER_USER_MAX = 1
    row, _ = services.create_worker_token(owner=alice, name="old")
    code = confirmed_code(alice)
    answer = take(api, code)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_tokens")
    assert DeviceRequest.objects.get().status == "confirmed"
    services.revoke_worker_token(owner=alice, token_id=row.pk)
    assert take(api, code).status_code == 200
    assert take(api, code).json()["code"] == "expired_token"


def test_a_refused_log_in_leaves_no_token_that_nobody_knows(alice, api, settings):
    settings.LOGINS_PER_DAY_MAX = 1
    services.open_session(alice)
    code = confirmed_code(alice)
    answer = take(api, code)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_logins")
    assert not WorkerToken.objects.exists()
    settings.LOGINS_PER_DAY_MAX = 10
    assert take(api, code).status_code == 200
    assert WorkerToken.objects.live().count() == 1
