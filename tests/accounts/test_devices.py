"""The device flow: a program without a browser is approved in one, and gets its tokens once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import selectors, services
from accounts.errors import DeviceExpired, NoSuchCode, TooManyTokens
from accounts.models import (
    DEVICE_MAX,
    AuditEntry,
    DeviceRequest,
    Notification,
    Session,
    User,
    WorkerToken,
)
from accounts.signals import access_ended
from core.errors import FirmlightError
from tests.support.pages import words

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def impatient(settings: Settings) -> None:
    settings.DEVICE_POLL_SECONDS = 0


@pytest.fixture
def ask(db: None) -> Ask:
    def post(name: str = "pi", scope: str = "worker", status: int = 200) -> dict[str, Any]:
        answer = APIClient().post(
            "/api/auth/device/", {"name": name, "scope": scope}, headers={"User-Agent": "fl/1"}
        )
        assert answer.status_code == status, answer.content
        return answer.json()

    return post


def take(device_code: str, status: int = 200) -> dict[str, Any]:
    answer = APIClient().post("/api/auth/device/token/", {"device_code": device_code})
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.fixture
def browser(db: None) -> Callable[[User], Client]:
    def open_one(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="accounts.backends.LoginBackend")
        return client

    return open_one


def test_a_request_gets_a_code_for_people_and_one_for_the_program(ask: Ask) -> None:
    found = ask()
    assert len(found["user_code"]) == 9 and found["user_code"][4] == "-"
    assert not set(found["user_code"]) & set("AEIOU0123456789")
    assert (
        found["verification_uri_complete"]
        == f"{found['verification_uri']}?code={found['user_code']}"
    )
    assert found["verification_uri"].startswith("http://testserver/device/"), (
        "the address that the request came to"
    )
    assert found["expires_in"] == 600
    row = DeviceRequest.objects.get()
    assert found["device_code"] not in (row.digest, row.user_code), "stored nowhere"


def test_until_somebody_answers_the_request_is_pending(ask: Ask) -> None:
    assert take(ask()["device_code"], 400)["code"] == "authorization_pending"


def test_a_machine_that_may_only_work_gets_a_worker_token_once(ask: Ask, bob: User) -> None:
    code = ask()["device_code"]
    services.approve_device(user=bob, code=DeviceRequest.objects.get().user_code)
    found = take(code)
    assert found["user"]["username"] == "bob"
    assert (found["access"], found["refresh"]) == (None, None)
    assert WorkerToken.objects.get().name == "pi"
    assert APIClient().get(
        "/api/users/me/", headers={"Authorization": f"Bearer {found['worker_token']}"}
    ).status_code in (401, 403)
    assert take(code, 400)["code"] == "expired_token"
    assert not Session.objects.exists()


def test_a_program_that_may_act_gets_a_session_too(ask: Ask, bob: User) -> None:
    code = ask(scope="user")["device_code"]
    services.approve_device(user=bob, code=DeviceRequest.objects.get().user_code)
    found = take(code)
    me = APIClient().get("/api/users/me/", headers={"Authorization": f"Bearer {found['access']}"})
    assert me.json()["username"] == "bob"
    assert Session.objects.get().device == "fl/1"
    assert WorkerToken.objects.get().id.hex == found["worker_token_id"].replace("-", "")


def test_a_denied_program_gets_that_answer(ask: Ask, bob: User) -> None:
    code = ask()["device_code"]
    services.deny_device(user=bob, code=DeviceRequest.objects.get().user_code)
    assert take(code, 400)["code"] == "access_denied"
    assert not WorkerToken.objects.exists()


def test_a_code_is_answered_once(ask: Ask, alice: User, bob: User) -> None:
    ask()
    code = DeviceRequest.objects.get().user_code
    services.approve_device(user=bob, code=code)
    for answer in (services.approve_device, services.deny_device):
        with pytest.raises(NoSuchCode):
            answer(user=alice, code=code)
    assert DeviceRequest.objects.get().user == bob


def test_of_two_simultaneous_answers_one_counts(
    ask: Ask, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read the request while it was pending."""
    ask()
    found = DeviceRequest.objects.get()
    monkeypatch.setattr(services.devices, "pending_device_request", lambda code: found)
    services.deny_device(user=bob, code="")
    with pytest.raises(NoSuchCode):
        services.approve_device(user=alice, code="")
    assert DeviceRequest.objects.get().status == "denied"


def test_of_two_simultaneous_claims_one_gets_the_tokens(
    ask: Ask, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read the request when it was confirmed."""
    code = ask()["device_code"]
    services.approve_device(user=bob, code=DeviceRequest.objects.get().user_code)
    approver, got = services.devices._approver, []

    def meanwhile(found: DeviceRequest) -> User:
        monkeypatch.setattr(services.devices, "_approver", approver)
        got.append(services.claim_device_tokens(code))
        return approver(found)

    monkeypatch.setattr(services.devices, "_approver", meanwhile)
    with pytest.raises(DeviceExpired):
        services.claim_device_tokens(code)
    assert WorkerToken.objects.get() == got[0].worker


def test_an_expired_request_is_invalid_and_is_purged(ask: Ask, bob: User) -> None:
    code = ask()["device_code"]
    DeviceRequest.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert take(code, 400)["code"] == "expired_token"
    with pytest.raises(NoSuchCode):
        services.approve_device(user=bob, code=DeviceRequest.objects.get().user_code)
    assert services.purge_device_requests() == 1
    assert take("never asked", 400)["code"] == "expired_token"


def test_a_program_that_asks_too_often_must_slow_down(ask: Ask, settings: Settings) -> None:
    settings.DEVICE_POLL_SECONDS = 60
    code = ask()["device_code"]
    assert take(code, 400)["code"] == "authorization_pending"
    assert take(code, 400)["code"] == "slow_down"


def test_the_approval_of_a_blocked_user_does_not_count(ask: Ask, bob: User) -> None:
    code = ask()["device_code"]
    services.approve_device(user=bob, code=DeviceRequest.objects.get().user_code)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert take(code, 400)["code"] == "access_denied"


def test_at_the_limit_of_tokens_the_answer_says_so(ask: Ask, bob: User, settings: Settings) -> None:
    settings.WORKER_TOKENS_PER_USER_MAX = 0
    code = ask()["device_code"]
    services.approve_device(user=bob, code=DeviceRequest.objects.get().user_code)
    assert take(code, 409)["code"] == TooManyTokens.code


def test_requests_are_throttled(ask: Ask, settings: Settings) -> None:
    settings.DEVICE_PER_HOUR_MAX = 1
    ask()
    assert ask(status=429)["code"] == "throttled"


@pytest.mark.parametrize("scope", ["admin", ""])
def test_an_unknown_scope_is_refused(ask: Ask, scope: str) -> None:
    assert "scope" in ask(scope=scope, status=400)["fields"]


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 65, "pi\n", "my\u202elaptop", "pi\u200b", "pi\x1b[2J", "pi\x00"]
)
def test_a_name_that_could_deceive_is_refused(ask: Ask, name: str) -> None:
    if name == "pi\n":  # white space around it is cut off, as everywhere
        assert ask(name=name) and DeviceRequest.objects.get().name == "pi"
        return
    assert "name" in ask(name=name, status=400)["fields"]


def test_the_programs_name_for_itself_is_kept_printable_and_short(db: None) -> None:
    agent = "fl\x1b[2J<script>" + "x" * 500
    APIClient().post("/api/auth/device/", {"name": "pi"}, headers={"User-Agent": agent})
    assert DeviceRequest.objects.get().agent == ("fl[2J<script>" + "x" * 500)[:DEVICE_MAX]


# Logging out


def test_a_machine_that_may_only_work_ends_its_token(ask: Ask, bob: User) -> None:
    code = ask()["device_code"]
    services.approve_device(user=bob, code=DeviceRequest.objects.get().user_code)
    token = take(code)["worker_token"]
    assert selectors.bearer(token)
    ended: list[object] = []

    def listener(user_id: object, **_: object) -> None:
        ended.append(user_id)

    access_ended.connect(listener)
    for _ in range(2):
        assert APIClient().post("/api/auth/logout/", {"worker_token": token}).status_code == 204
    assert selectors.bearer(token) is None
    assert ended == [bob.pk], "open sockets are notified, once"


def test_the_token_ends_even_if_the_session_has_expired(ask: Ask, bob: User) -> None:
    code = ask(scope="user")["device_code"]
    services.approve_device(user=bob, code=DeviceRequest.objects.get().user_code)
    token = take(code)["worker_token"]
    answer = APIClient().post("/api/auth/logout/", {"worker_token": token, "refresh": "run out"})
    assert answer.status_code == 401
    assert selectors.bearer(token) is None


def test_a_log_out_must_name_a_token(db: None) -> None:
    assert APIClient().post("/api/auth/logout/", {}).status_code == 400
    assert APIClient().post("/api/auth/logout/", {"worker_token": "flw_none"}).status_code == 204


# In the browser


def test_looking_approves_nothing_and_a_yes_does(
    ask: Ask, bob: User, browser: Callable[[User], Client]
) -> None:
    found, client = ask(name="<b>pi</b>"), browser(bob)
    seen = client.get(f"/device/?code={found['user_code'].lower()}")
    assert "&lt;b&gt;pi&lt;/b&gt; asks for access" in seen.content.decode()
    assert found["user_code"] in words(seen)
    assert re.search(
        r"Program fl/1 From 127\.0\.0\.1 Asks to .* Asked a moment ago Good for 10 min", words(seen)
    )
    assert "it cannot read your groups" in words(seen)
    assert DeviceRequest.objects.get().status == "pending"
    answer = client.post("/device/", {"code": found["user_code"], "answer": "yes"})
    assert answer.url == "/workers/get/"
    assert take(found["device_code"])["user"]["username"] == "bob"
    assert Notification.objects.get().text == "<b>pi</b> may now work for you."
    assert AuditEntry.objects.get(action="device_confirmed").actor_name == "bob"


def test_a_no_denies_the_program(ask: Ask, bob: User, browser: Callable[[User], Client]) -> None:
    found = ask(scope="user")
    assert "act in your name" in words(browser(bob).get(f"/device/?code={found['user_code']}"))
    browser(bob).post("/device/", {"code": found["user_code"], "answer": "no"})
    assert take(found["device_code"], 400)["code"] == "access_denied"


def test_made_up_codes_of_programs_are_throttled(db: None, settings: Settings) -> None:
    settings.DEVICE_POLLS_PER_MINUTE_MAX = 2
    url, client = "/api/auth/device/token/", APIClient()
    answers = [client.post(url, {"device_code": f"made-up {number}"}) for number in range(3)]
    codes = [answer.json()["code"] for answer in answers]
    assert codes == ["expired_token", "expired_token", "throttled"]


def test_an_unknown_code_is_refused(bob: User, browser: Callable[[User], Client]) -> None:
    answer = browser(bob).post("/device/", {"code": "BCDF-GHJK"})
    assert answer.status_code == 422
    assert "No machine waits with this code." in words(answer)


def test_no_other_site_can_approve(ask: Ask, bob: User) -> None:
    found, client = ask(), Client(enforce_csrf_checks=True)
    client.force_login(bob, backend="accounts.backends.LoginBackend")
    answer = client.post("/device/", {"code": found["user_code"], "answer": "yes"})
    assert answer.status_code == 403
    assert client.get(f"/device/?code={found['user_code']}&answer=yes").status_code == 200
    assert DeviceRequest.objects.get().status == "pending"


def test_a_yes_after_somebody_elses_no_does_not_count(
    ask: Ask, alice: User, bob: User, browser: Callable[[User], Client]
) -> None:
    found = ask()
    browser(alice).post("/device/", {"code": found["user_code"], "answer": "no"})
    answer = browser(bob).post("/device/", {"code": found["user_code"], "answer": "yes"})
    assert answer.status_code == 422
    assert "No machine waits with this code." in words(answer)


def test_codes_cannot_be_guessed_without_end(
    bob: User, browser: Callable[[User], Client], settings: Settings
) -> None:
    settings.DEVICE_CODE_PER_MINUTE_MAX = 2
    client = browser(bob)
    assert [client.post("/device/", {"code": "BCDF-GHJK"}).status_code for _ in range(3)] == [
        422,
        422,
        429,
    ]


def test_a_visitor_logs_in_first_and_comes_back(ask: Ask) -> None:
    code = ask()["user_code"]
    assert Client().get(f"/device/?code={code}").url == f"/login/?next=/device/%3Fcode%3D{code}"


def test_errors_of_the_flow_carry_the_standards_codes() -> None:
    from accounts import errors

    names = {"authorization_pending", "slow_down", "access_denied", "expired_token"}
    found = {
        one.code
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, FirmlightError)
    }
    assert names <= found
