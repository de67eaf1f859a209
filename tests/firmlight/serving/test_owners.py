"""A large body is read for a user: by a token or a cookie that is good, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from firmlight.serving.owners import find_owner
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def scope(**headers: str) -> Any:
    return {"headers": [(name.encode(), value.encode()) for name, value in headers.items()]}


def with_token(token: str) -> Any:
    return scope(authorization=f"Bearer {token}")


def with_cookie(key: str) -> Any:
    return scope(cookie=f"theme=dark; {settings.SESSION_COOKIE_NAME}={key}")


def test_a_token_names_its_user_until_it_ends(alice: User) -> None:
    answer = APIClient().post("/api/auth/login/", {"login": "alice", "password": PASSWORD})
    tokens = answer.json()
    assert find_owner(with_token(tokens["access"])) == str(alice.pk)
    assert find_owner(with_token(tokens["access"][:-1])) is None
    APIClient().post("/api/auth/logout/", {"refresh": tokens["refresh"]})
    assert find_owner(with_token(tokens["access"])) is None


def test_a_browsers_cookie_names_its_user_until_they_log_out(alice: User, client: Client) -> None:
    client.force_login(alice)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert find_owner(with_cookie(key)) == str(alice.pk)
    assert find_owner(with_cookie("made-up")) is None
    client.logout()
    assert find_owner(with_cookie(key)) is None


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer "}, {"cookie": "sessionid"}],
)
def test_without_either_it_is_nobodys(headers: dict[str, str]) -> None:
    assert find_owner(scope(**headers)) is None


def test_a_blocked_user_is_nobody(alice: User) -> None:
    tokens = APIClient().post("/api/auth/login/", {"login": "alice", "password": PASSWORD}).json()
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert find_owner(with_token(tokens["access"])) is None
