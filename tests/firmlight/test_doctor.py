"""What `manage.py doctor` finds, each fault made for real where that is possible."""

from __future__ import annotations

import json
import socketserver
import threading
from io import StringIO

import pytest
from django.core.management import call_command

from core import redis
from firmlight import doctor
from firmlight.doctor import MEND, NOTE, OK, configuration, processes, storage
from tasks import jobs
from tasks.kind_processes import pool, process

PUBLIC = "https://firmlight.example"


@pytest.fixture
def public(settings):
    """Settings as they should be on a server for others."""
    settings.PUBLIC_URL, settings.HTTPS, settings.BEHIND_PROXY = PUBLIC, True, True
    settings.ALLOWED_HOSTS = ["firmlight.example"]
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = (
        True
    )
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.METRICS_TOKEN = "a-long-token-for-prometheus"
    return settings


def look(check):
    """{name: level} of what a check finds."""
    return {finding.name: finding.level for finding in check()}


def test_a_server_set_up_well_has_nothing_to_mend_in_its_settings(public):
    assert (
        MEND
        not in {**look(configuration.settings_are_safe), **look(configuration.address)}.values()
    )


def test_debug_is_mended(public):
    public.DEBUG = True
    assert look(configuration.settings_are_safe)["DEBUG"] == MEND


def test_findings_of_djangos_own_checks_are_shown(public):
    public.SECURE_HSTS_SECONDS = 0
    assert look(configuration.settings_are_safe)["django security.W004"] == MEND


@pytest.mark.parametrize(
    ("setting", "value", "name", "level"),
    [
        ("ALLOWED_HOSTS", ["*"], "ALLOWED_HOSTS", MEND),
        ("ALLOWED_HOSTS", ["elsewhere.example"], "ALLOWED_HOSTS", MEND),
        ("CSRF_TRUSTED_ORIGINS", ["http://firmlight.example"], "CSRF_TRUSTED_ORIGINS", MEND),
        ("BEHIND_PROXY", False, "BEHIND_PROXY", NOTE),
    ],
)
def test_how_it_is_reached_is_looked_at(public, setting, value, name, level):
    setattr(public, setting, value)
    assert look(configuration.address)[name] == level


@pytest.mark.parametrize(
    ("url", "level"), [("http://firmlight.example", MEND), ("http://127.0.0.1:8000", NOTE)]
)
def test_plain_http_is_for_ones_own_machine(public, url, level):
    public.PUBLIC_URL, public.HTTPS = url, False
    assert look(configuration.address)["PUBLIC_URL"] == level


def test_files_that_are_not_laid_out_are_named_with_what_to_run(public, tmp_path):
    public.STATIC_ROOT = public.CLIENT_ROOT = tmp_path
    assert look(configuration.files) == {"static files": MEND, "client": MEND}
    (tmp_path / "staticfiles.json").write_text("{}")
    assert look(configuration.files)["static files"] == OK


class Smtp(socketserver.StreamRequestHandler):
    """As much of a mail server as a greeting and a farewell need (RFC 5321)."""

    def handle(self):
        self.wfile.write(b"220 mail.example\r\n")
        while line := self.rfile.readline():
            self.wfile.write(
                b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 fine\r\n"
            )


@pytest.fixture
def mail_server(public):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        public.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        public.EMAIL_HOST, public.EMAIL_PORT = server.server_address
        yield server
        server.shutdown()


def test_emails_need_a_mail_server(public, mail_server):
    public.MAIL_CONFIGURED = False
    assert look(configuration.mail) == {"mail": MEND}
    public.MAIL_CONFIGURED = True
    assert look(configuration.mail) == {"mail": OK}
    public.EMAIL_PORT = 1
    assert look(configuration.mail) == {"mail": MEND}


@pytest.fixture
def configure():
    """configure(name=value): CONFIG SET on the tests' Redis, undone afterwards."""
    client, before = redis.connect(), {}

    def change(**values):
        for name, value in values.items():
            name = name.replace("_", "-")
            before.setdefault(name, client.config_get(name)[name])
            client.config_set(name, value)

    yield change
    for name, value in before.items():
        client.config_set(name, value)


def test_a_redis_that_would_lose_work_is_mended(configure):
    assert look(storage.redis_servers)["REDIS_URL appendonly"] == MEND
    configure(appendonly="yes", appendfsync="everysec", maxmemory_policy="allkeys-lru")
    found = look(storage.redis_servers)
    assert found["REDIS_URL appendonly"] == OK
    assert found["REDIS_URL appendfsync"] == NOTE
    assert found["REDIS_URL maxmemory-policy"] == MEND
    assert found["REDIS_URL memory"] == NOTE
    configure(appendfsync="always", maxmemory_policy="noeviction", maxmemory="10gb")
    assert set(look(storage.redis_servers).values()) == {OK}


def test_a_redis_that_may_keep_half_a_transaction_is_reported():
    facts = {
        "aof_enabled": 1,
        "aof_last_rewrite_time_sec": -1,
        "aof_rewrite_in_progress": 0,
        "aof_rewrite_scheduled": 0,
    }
    assert storage._file_rewritten("REDIS_URL", facts).level == NOTE
    assert storage._file_rewritten("REDIS_URL", facts | {"aof_rewrite_in_progress": 1}).level == OK
    assert (
        storage._file_rewritten("REDIS_URL", facts | {"aof_last_rewrite_time_sec": 0}).level == OK
    )


def test_a_file_is_written_read_and_deleted(settings, tmp_path):
    assert look(storage.files) == {"file storage": OK, "file folder": OK}
    options = {**settings.FILES, "OPTIONS": {"location": str(tmp_path / "files")}}
    settings.STORAGES = {**settings.STORAGES, "files": options}
    (tmp_path / "files").write_text("not a folder")
    with pytest.raises(OSError, match="files"):
        look(storage.files)


def test_a_redis_that_is_nearly_full_is_mended(configure):
    configure(maxmemory=round(redis.connect().info()["used_memory"] * 1.1))
    assert look(storage.redis_servers)["REDIS_URL memory"] == MEND


def test_each_server_is_checked_once(settings):
    assert {name.partition(" ")[0] for name in look(storage.redis_servers)} == {"REDIS_URL"}
    settings.CACHE_URL = "redis://127.0.0.1:1/0"
    assert look(storage.redis_servers)["CACHE_URL"] == MEND


def test_an_old_redis_is_mended():
    assert storage._version("REDIS_URL", {"redis_version": "6.0.16"}).level == MEND
    assert storage._version("REDIS_URL", {"redis_version": "6.2.0"}).level == OK


def test_clocks_that_are_apart_are_mended(settings, monkeypatch):
    now = storage.time.time
    monkeypatch.setattr(storage.time, "time", lambda: now() + 90)
    assert storage._clock("REDIS_URL", settings.REDIS_URL).level == MEND


def test_the_database_is_checked_with_its_migrations(db):
    found = look(storage.database)
    assert (found["database"], found["migrations"]) == (OK, OK)


def test_jobs_that_nobody_takes_are_mended(monkeypatch):
    monkeypatch.setattr(processes, "JOB_SECONDS_MAX", 0.2)
    assert look(processes.jobs) == {f"jobs, queue {name}": MEND for name in processes.QUEUES}


def test_a_job_that_answers_is_heard(monkeypatch):
    """As if a worker had taken it at once."""
    monkeypatch.setattr(
        processes.current_app, "send_task", lambda name, args, **_: jobs.answer(*args)
    )
    assert look(processes.jobs) == {f"jobs, queue {name}": OK for name in processes.QUEUES}


def test_a_machine_on_which_no_kind_can_run_is_mended(monkeypatch):
    assert look(processes.kind_processes) == {"kinds": OK}
    pool.forget()
    monkeypatch.setattr(process, "START_SECONDS_MAX", 0.0)
    assert look(processes.kind_processes) == {"kinds": MEND}
    pool.forget()


def test_beat_is_checked_by_the_last_sweep(db):
    assert look(processes.beat) == {"beat": MEND}
    jobs.sweep()
    assert look(processes.beat) == {"beat": OK}


def test_an_address_where_nobody_is_is_mended(settings):
    settings.PUBLIC_URL = "http://127.0.0.1:1"
    assert look(processes.public_address) == {"web": MEND}


def break_(*_):
    raise RuntimeError("it breaks")
    yield


@pytest.fixture
def only(monkeypatch):
    """only(check): an examination of nothing but this."""
    return lambda check: monkeypatch.setattr(doctor, "CHECKS", {"it": check})


def run(*words):
    """(exit code, what it says)."""
    out = StringIO()
    try:
        call_command("doctor", *words, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_a_check_that_raises_is_a_finding_and_the_others_go_on(only):
    only(break_)
    code, said = run()
    assert code == 1
    assert "MEND  it" in said
    assert "cannot be checked: RuntimeError: it breaks" in said


def test_the_exit_code_says_whether_something_must_be_fixed(only):
    only(
        lambda: iter([doctor.Finding("a", OK, "fine"), doctor.Finding("b", NOTE, "so so", "do it")])
    )
    code, said = run()
    assert code == 0
    assert said.splitlines() == [
        f"ok    {'a':<28}fine",
        f"note  {'b':<28}so so",
        f"{'':<34}-> do it",
        "",
        "All is well.",
    ]


def test_json_is_for_programs(only):
    only(lambda: iter([doctor.Finding("a", MEND, "bad", "do it")]))
    code, said = run("--json")
    assert code == 1
    assert json.loads(said) == [{"name": "a", "level": "mend", "what": "bad", "mend": "do it"}]
