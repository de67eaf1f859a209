import base64
import json

import pytest
import redis
from django.conf import settings
from django.core import mail
from rest_framework.test import APIClient

from accounts import jobs
from tests.conftest import PASSWORD


@pytest.fixture
def log_in(api):
    """log_in("alice"): the tokens of a new session, over the API."""

    def over_http(login: str, password: str = PASSWORD) -> dict:
        answer = api().post("/api/auth/login/", {"login": login, "password": password})
        assert answer.status_code == 200, answer.content
        return answer.json()

    return over_http


@pytest.fixture
def bearing():
    """bearing(token): a client that sends this token, whatever it is."""
    return lambda token: APIClient(headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def sign_in(client):
    """sign_in(alice): the browser logs in as she would; `client` is that browser."""

    def by_cookie(user):
        client.force_login(user, backend="accounts.backends.LoginBackend")
        return client

    return by_cookie


@pytest.fixture
def waiting():
    """waiting(): takes the e-mail jobs from the real broker; (template, facts) of each."""

    def read() -> list[tuple[str, dict]]:
        broker, found = redis.Redis.from_url(settings.BROKER_URL), []
        while message := broker.rpop("short"):
            message = json.loads(message)
            if message["headers"]["task"] == "accounts.mail":
                found.append(tuple(json.loads(base64.b64decode(message["body"]))[0]))
        broker.close()
        return found

    return read


@pytest.fixture
def emails(waiting):
    """emails(): what the job sends for the waiting jobs."""

    def deliver() -> list[mail.EmailMessage]:
        mail.outbox.clear()
        for template, facts in waiting():
            jobs.mail(template, facts)
        return list(mail.outbox)

    return deliver


@pytest.fixture
def mail_configured(settings):
    settings.MAIL_CONFIGURED = True
