"""Bodies that are too deep, too long or too large: each gets a clear error, and nothing breaks."""

from __future__ import annotations

import json
import re

import pytest
from django.conf import settings as live_settings
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import DEVICE_MAX
from core import throttling
from core.parsers import TooDeep, read_json
from groups.models import DESCRIPTION_MAX, NAME_MAX

LEVELS = live_settings.JSON_LEVELS_MAX
DEPTHS = (LEVELS + 1, 5000, 100_000)  # Python itself reads some 1,000 levels, or 5,000, or 10,000
ADDRESSES = ("/api/auth/login/", "/api/groups/", "/api/tasks/", "/api/tasks/preview/")


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_json_that_nests_too_deeply_is_refused(api, alice, address, depth):
    for body in (nested(depth), f'{{"login": {nested(depth)}, "name": {nested(depth)}}}'):
        answer = api(alice).generic("POST", address, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
        assert answer.json()["message"] == f"JSON parse error - more than {LEVELS} levels deep"


@pytest.mark.parametrize("depth", DEPTHS)
def test_params_beside_a_file_nest_no_deeper(api, alice, group, depth):
    body = {"group": str(group.pk), "kind": "ECHO", "params": f'{{"count": {nested(depth)}}}'}
    answer = api(alice).post("/api/tasks/", body, format="multipart")
    assert answer.status_code == 400
    assert answer.json()["fields"] == {
        "params": [f"This cannot be read as JSON: more than {LEVELS} levels deep."]
    }


def test_json_within_the_limit_is_judged_by_its_content(api, alice, group):
    params = f'{{"count": {nested(LEVELS - 2)}}}'
    body = f'{{"group": "{group.pk}", "kind": "ECHO", "params": {params}}}'
    answer = api(alice).generic("POST", "/api/tasks/", body, content_type="application/json")
    assert list(answer.json()["fields"]) == ["params.count"]
    beside_a_file = {
        "group": str(group.pk),
        "kind": "ECHO",
        "params": f'{{"count": {nested(LEVELS - 1)}}}',
    }
    answer = api(alice).post("/api/tasks/", beside_a_file, format="multipart")
    assert list(answer.json()["fields"]) == ["params.count"]


json_values = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
)


@given(json_values)
def test_levels_are_counted_where_lists_and_objects_are_deepest(value):
    text, deepest = json.dumps(value), levels_of(value)
    with override_settings(JSON_LEVELS_MAX=deepest):
        assert read_json(text) == value
    if deepest:
        with override_settings(JSON_LEVELS_MAX=deepest - 1), pytest.raises(TooDeep):
            read_json(text)


def levels_of(value):
    inner = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if inner is None else 1 + max(map(levels_of, inner), default=0)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "[1,]", ""])
def test_what_rfc_8259_does_not_know_is_no_json(text):
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


def test_a_body_that_is_too_large_is_refused_unread(api, alice, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = api(alice).post("/api/groups/", {"name": "x" * 2000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


LONG = "x" * 10_000


@pytest.mark.parametrize(
    ("address", "field", "more"),
    [
        (
            "/api/auth/register/",
            "username",
            {"email": "a@example.org", "password": "a-very-good-one-17"},
        ),
        ("/api/auth/register/", "email", {"username": "dora", "password": "a-very-good-one-17"}),
        ("/api/auth/register/", "password", {"username": "dora", "email": "a@example.org"}),
        ("/api/auth/login/", "login", {"password": "x"}),
        ("/api/auth/login/", "password", {"login": "alice"}),
        ("/api/groups/", "name", {}),
        ("/api/groups/", "description", {"name": "Night shift"}),
        ("/api/worker-tokens/", "name", {}),
        ("/api/tasks/", "title", {"group": "Lab Seven", "kind": "ECHO", "params": {"count": 1}}),
        (
            "/api/tasks/",
            "description",
            {"group": "Lab Seven", "kind": "ECHO", "params": {"count": 1}},
        ),
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
        "/api/auth/login/",
        {"login": "alice", "password": "correct-horse-battery"},
        headers={"User-Agent": LONG},
    )
    assert answer.status_code == 200
    assert len(alice.sessions.get().device) == DEVICE_MAX


def test_limits_are_those_of_the_settings():
    assert (NAME_MAX, DESCRIPTION_MAX) == (30, 120)
    assert live_settings.DATA_UPLOAD_MAX_MEMORY_SIZE == live_settings.JSON_BODY_BYTES_MAX


def test_the_page_on_security_names_every_limit():
    page = (live_settings.BASE_DIR / "docs" / "reference" / "security.md").read_text()
    table = page.partition("## What a user may make")[2]
    limits = {setting for setting, _ in throttling.SCOPES.values()}
    limits |= {name for name in dir(live_settings) if re.search("_PER_(USER|GROUP)_MAX$", name)}
    assert [name for name in sorted(limits) if name not in table] == []
