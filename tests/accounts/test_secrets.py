"""What must not be known: log lines without secrets, and no key that everybody knows."""

import io
import logging
import logging.config

import pytest
import structlog

from accounts import services
from core import logs
from firmlight import secret_key
from tests.conftest import PASSWORD


@pytest.fixture(params=[False, True])
def lines(request):
    """lines(): what has been logged since, as text or as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    before = structlog.get_config()
    config = logs.config("DEBUG", as_json=request.param)
    structlog.configure(**before)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            **{k: v for k, v in config["formatters"]["line"].items() if k != "()"}
        )
    )
    logging.getLogger().addHandler(handler)
    yield stream.getvalue
    logging.getLogger().removeHandler(handler)


SECRETS = {
    "password": {"password": "open-sesame"},
    "token in a dict": {"facts": {"refresh_token": "open-sesame"}},
    "header": {"headers": {"Authorization": "Bearer open-sesame"}},
    "list": {"arguments": ["Bearer open-sesame"]},
    "bytes": {"body": b'{"password": "open-sesame"}'},
    "text": {"body": "{'old_password': 'open-sesame', 'new_password': 'open-sesame'}"},
    "worker token": {"text": "flw_open-sesame_open-sesame_open-sesame"},
    "query": {"url": "/x/?token=open-sesame&y=1"},
    "link": {"path": "/password/reset/5f2b/open-sesame/"},
    "confirmation": {"path": "http://host/email/confirm/open-sesame/"},
    "cookie": {"cookie": "sessionid=open-sesame"},
}


@pytest.mark.parametrize("facts", SECRETS.values(), ids=SECRETS.keys())
def test_secrets_are_hidden_by_name_and_by_look(lines, facts):
    structlog.get_logger("firmlight.test").warning("something", **facts)
    logging.getLogger("other").warning("something %s", facts)
    assert lines().count("something") >= 2
    assert "open-sesame" not in lines()
    assert logs.HIDDEN in lines()


def test_a_traceback_shows_none_either(lines, alice):
    pair = services.open_session(alice)
    try:
        raise ValueError(f"cannot read {pair.access} of {pair.refresh}")
    except ValueError:
        logging.getLogger("other").exception("it failed")
    assert "ValueError" in lines()
    assert pair.access not in lines()
    assert pair.refresh not in lines()


def test_a_text_of_any_length_makes_a_short_line_and_no_cut_shows_a_secret(lines, client, settings):
    client.get("/", headers={"host": "a" * 30_000})
    assert "Invalid HTTP_HOST" in lines()
    assert len(lines()) < 4 * settings.LOG_TEXT_CHARS_MAX
    for shift in range(60):
        secret = "password='" + "open-sesame " * 2000 + "'"
        logging.getLogger("other").warning(
            "x " * (settings.LOG_TEXT_CHARS_MAX // 4 - shift) + secret
        )
        logging.getLogger("other").warning("x" * shift + secret + "\nthe last line")
        logging.getLogger("other").warning("x" * shift + " flw_" + "open-sesame" * 2000)
    assert lines().count("the last line") == 60
    assert not lines().count("open-sesame")


def test_what_is_no_secret_stays(lines):
    structlog.get_logger("firmlight.test").warning(
        "job_not_sent", job="tasks.split", arguments=["a", 5], seconds=0.5
    )
    logging.getLogger("other").warning("GET /api/tasks/?page=2 took 5 ms, tokens 3")
    for word in ("job_not_sent", "tasks.split", "0.5", "/api/tasks/?page=2", "tokens 3"):
        assert word in lines()


def test_requests_leave_none_in_the_log(lines, api, alice, settings, client):
    logging.getLogger("django.request").setLevel(logging.DEBUG)
    token = services.create_worker_token(owner=alice, name="attic")[1]
    pair = services.open_session(alice)
    api().post("/api/auth/login/", {"login": "alice", "password": PASSWORD})
    api().post("/api/auth/login/", {"login": "alice", "password": "open-sesame"})
    api().post("/api/auth/refresh/", {"refresh": pair.refresh})
    client.get("/api/users/me/", headers={"Authorization": f"Bearer {token}"})
    client.get("/password/reset/5f2b/open-sesame/")
    logging.getLogger("django.request").setLevel(logging.ERROR)
    for secret in (PASSWORD, "open-sesame", token, pair.access, pair.refresh):
        assert secret not in lines()


@pytest.mark.parametrize(
    "key",
    [
        "change-me-" * 5,
        "changeme" + "x" * 40,
        "django-insecure-" + "0123456789abcdef" * 3,
        "<REPLACE_ME>" * 4,
    ],
)
def test_a_key_that_everybody_knows_is_refused_where_others_come_in(key):
    assert "placeholder" in secret_key.fault(key, debug=False)
    assert not secret_key.fault(key, debug=True)


def test_a_short_key_is_refused_always_and_a_random_one_never():
    assert "32" in secret_key.fault("short", debug=True)
    assert not secret_key.fault("t4Jv0kS-9mZq_1xW8nB5cRf7LhY2pGd6aUeK3iOo", debug=False)
