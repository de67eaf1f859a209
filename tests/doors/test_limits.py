"""Bodies that are too deep, too long or too large: each gets a clear error, and nothing breaks."""

from __future__ import annotations

import pytest
from django.conf import settings as live_settings

from accounts.models import DEVICE_MAX
from groups.models import DESCRIPTION_MAX, NAME_MAX

DEPTHS = (900, 5000, 100_000)
ADDRESSES = ("/api/auth/login/", "/api/groups/", "/api/tasks/", "/api/tasks/preview/")


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_json_that_nests_too_deeply_is_refused(api, alice, address, depth):
    for body in (nested(depth), f'{{"login": {nested(depth)}, "name": {nested(depth)}}}'):
        answer = api(alice).generic("POST", address, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize("depth", DEPTHS)
def test_params_beside_a_file_nest_no_deeper(api, alice, group, depth):
    body = {"group": str(group.pk), "kind": "ECHO", "params": f'{{"count": {nested(depth)}}}'}
    answer = api(alice).post("/api/tasks/", body, format="multipart")
    assert answer.status_code == 400
    assert "params" in answer.json()["fields"]


def test_json_within_the_limit_is_judged_by_its_content(api, alice, group):
    body = f'{{"group": "{group.pk}", "kind": "ECHO", "params": {{"count": {nested(200)}}}}}'
    answer = api(alice).generic("POST", "/api/tasks/", body, content_type="application/json")
    assert list(answer.json()["fields"]) == ["params.count"]


def test_a_body_that_is_too_large_is_refused_unread(api, alice, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = api(alice).post("/api/groups/", {"name": "x" * 2000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


LONG = "x" * 10_000


@pytest.mark.parametrize(
    ("address", "field", "more"),
    [
        ("/api/auth/register/", "username", {"email": "a@example.org", "password": "a-very-good-one-17"}),
        ("/api/auth/register/", "email", {"username": "dora", "password": "a-very-good-one-17"}),
        ("/api/auth/register/", "password", {"username": "dora", "email": "a@example.org"}),
        ("/api/auth/login/", "login", {"password": "x"}),
        ("/api/auth/login/", "password", {"login": "alice"}),
        ("/api/groups/", "name", {}),
        ("/api/groups/", "description", {"name": "Night shift"}),
        ("/api/worker-tokens/", "name", {}),
        ("/api/tasks/", "title", {"group": "Lab Seven", "kind": "ECHO", "params": {"count": 1}}),
        ("/api/tasks/", "description", {"group": "Lab Seven", "kind": "ECHO", "params": {"count": 1}}),
        ("/api/tasks/", "kind", {"group": "Lab Seven", "params": {"count": 1}}),
        ("/api/tasks/", "group", {"kind": "ECHO", "params": {"count": 1}}),
    ],
)
def test_every_text_has_a_longest_length(api, alice, group, address, field, more):
    answer = api(alice).post(address, {**more, field: LONG})
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_an_upload_that_is_too_large_is_refused(api, alice, group, settings, tmp_path):
    settings.UPLOAD_BYTES_MAX = 1000
    path = tmp_path / "numbers.txt"
    path.write_text("1.5\n" * 1000)
    with path.open("rb") as file:
        body = {"group": str(group.pk), "kind": "MEAN", "file": file}
        answer = api(alice).post("/api/tasks/", body, format="multipart")
    assert answer.status_code == 400
    assert "file" in answer.json()["fields"]


def test_a_long_name_of_a_device_is_cut(api, alice):
    answer = api().post(
        "/api/auth/login/", {"login": "alice", "password": "correct-horse-battery"}, headers={"User-Agent": LONG}
    )
    assert answer.status_code == 200
    assert len(alice.sessions.get().device) == DEVICE_MAX


def test_limits_are_those_of_the_settings():
    assert (NAME_MAX, DESCRIPTION_MAX) == (30, 120)
    assert live_settings.DATA_UPLOAD_MAX_MEMORY_SIZE == live_settings.JSON_BODY_BYTES_MAX
