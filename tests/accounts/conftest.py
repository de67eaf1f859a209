import pytest
from rest_framework.test import APIClient

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
