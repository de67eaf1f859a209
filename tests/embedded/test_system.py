"""The embedded system as a whole, and what it does after a death of any of its parts."""

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
import redis

from firmlight.embedded import Problem, System, orphans

PARTS = {"redis", "web", "jobs-short", "jobs-long", "beat", "supervisord"}
STARTER = """
import sys, time
from firmlight.embedded import System
system = System(sys.argv[1], env={"STATIC_ROOT": sys.argv[2]})
system.start()
print(system.pids(), system.redis_url, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory, static_root):
    with System(tmp_path_factory.mktemp("embedded") / "var", env={"STATIC_ROOT": static_root}) as running:
        yield running


def answers(url):
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def eventually(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_every_part_lives(system):
    assert set(system.pids()) == PARTS
    assert answers(system.url)


def test_it_ignores_the_settings_of_whoever_starts_it(system):
    assert system.redis_url != os.environ["REDIS_URL"]
    assert system.environment["SECRET_KEY"] != os.environ["SECRET_KEY"]
    assert str(system.home.root) in system.environment["DATABASE_URL"]


def test_a_second_system_on_the_same_folder_is_refused(system):
    with pytest.raises(Problem, match="already runs on"):
        System(system.home.root).start()
    assert answers(system.url)


@pytest.mark.parametrize("name", ["redis", "web", "jobs-short"])
def test_a_killed_part_comes_back_where_it_was(system, name):
    with redis.Redis.from_url(system.redis_url) as client:
        client.set("before", name)
        old = system.pids()[name]
        os.kill(old, signal.SIGKILL)
        eventually(lambda: system.pids().get(name, old) != old)
        eventually(lambda: answers(system.url))
        assert client.get("before") == name.encode()


def test_a_start_after_a_sigkill_of_the_keepers_loses_nothing(tmp_path, static_root):
    var = tmp_path / "var"
    command = [sys.executable, "-c", STARTER, str(var), static_root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        said, _, url = starter.stdout.readline().rpartition(" ")
        with redis.Redis.from_url(url.strip()) as client:
            client.set("accepted", "yes")
        keeper = eval(said)["supervisord"]
        starter.kill()
        os.kill(keeper, signal.SIGKILL)
    assert len(orphans.find(var)) >= 3  # redis among them, which holds the append-only file
    with System(var, env={"STATIC_ROOT": static_root}) as system:
        assert set(system.pids()) == PARTS
        with redis.Redis.from_url(system.redis_url) as client:
            assert client.get("accepted") == b"yes"
    assert not orphans.find(var)
