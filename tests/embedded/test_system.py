"""The embedded system as a whole, and what it does after a death of any of its parts."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import redis

from core import file_modes
from embedded import Problem, System, orphans
from embedded.system import ask
from tests.support import faults
from tests.support.patient import PatientLab
from tests.support.worker import Worker

PARTS = {"redis", "web", "jobs", "jobs-long", "sweep", "beat", "supervisord"}
# Written before the parts start; none of them holds a secret.
OWN_FILES = {
    "lock",
    "supervisord.conf",
    "log/prepare.log",
    "log/supervisord.out",
    "redis/port",
    "redis/written-by",
}
STARTER = """
import sys, time
from embedded import System
system = System(sys.argv[1], env={"STATIC_ROOT": sys.argv[2]})
system.start()
print(system.pids(), system.redis_url, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory, static_root):
    """The folder of a system that accepted something and whose keepers were then killed, so that
    its parts live on.
    """
    var = tmp_path_factory.mktemp("embedded") / "var"
    command = [sys.executable, "-c", STARTER, str(var), static_root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        said, _, url = starter.stdout.readline().rpartition(" ")
        with redis.Redis.from_url(url.strip()) as client:
            client.set("accepted", "yes")
        keeper = eval(said)["supervisord"]
        starter.kill()
        os.kill(keeper, signal.SIGKILL)
    return var


@pytest.fixture(scope="module")
def system(left_behind, static_root):
    """Started where another one was left behind: all that follows holds after a bad end, too.

    Without second copies of the last subtasks, so that whoever computes twice has lost a lease.
    """
    assert len(orphans.find(left_behind)) >= 3  # redis among them, which holds the append-only file
    with System(left_behind, env={"STATIC_ROOT": static_root, "COPIES_SHARE_MAX": "0"}) as running:
        yield running
    assert not orphans.find(left_behind)


def answers(url):
    try:
        return ask(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def eventually(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_a_start_after_a_sigkill_of_the_keepers_loses_nothing(system):
    with redis.Redis.from_url(system.redis_url) as client:
        assert client.get("accepted") == b"yes"


def test_every_part_lives(system):
    assert set(system.pids()) == PARTS
    eventually(lambda: answers(system.url))  # beat's first tick comes a moment later


def test_it_ignores_the_settings_of_whoever_starts_it(system):
    assert system.redis_url != os.environ["REDIS_URL"]
    assert system.environment["SECRET_KEY"] != os.environ["SECRET_KEY"]
    assert str(system.home.root) in system.environment["DATABASE_URL"]


def test_nothing_that_it_writes_can_be_read_by_other_users(system):
    assert (system.home.redis / "appendonlydir").is_dir()
    open_to_others = {
        str(path.relative_to(system.home.root))
        for path in system.home.root.rglob("*")
        if path.lstat().st_mode & file_modes.OTHERS and not path.is_symlink()
    }
    # Our own process, which is a library here, has the umask of the tests.
    assert open_to_others <= OWN_FILES


@pytest.mark.skipif(sys.platform != "linux", reason="no other system shows a process's umask")
def test_every_part_creates_files_for_its_own_user_alone(system):
    for name, pid in system.pids().items():
        status = Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"^Umask:\t0077$", status, flags=re.M), name


def test_a_second_system_on_the_same_folder_is_refused(system):
    with pytest.raises(Problem, match="already runs on"):
        System(system.home.root).start()
    assert answers(system.url)


@pytest.mark.parametrize("name", ["redis", "web", "jobs", "sweep"])
def test_a_killed_part_comes_back_where_it_was(system, name):
    with redis.Redis.from_url(system.redis_url) as client:
        client.set("before", name)
        old = system.pids()[name]
        os.kill(old, signal.SIGKILL)
        eventually(lambda: system.pids().get(name, old) != old)
        eventually(lambda: answers(system.url))
        assert client.get("before") == name.encode()


def test_workers_keep_their_leases_over_a_killed_web(system, tmp_path):
    """The lease as it is by default is longer than the restart: nothing is computed twice."""
    with PatientLab(system.url) as lab, contextlib.ExitStack() as stack:
        workers = [
            Worker(lab.url, lab.worker_token(n), f"machine-{n}", tmp_path / f"machine-{n}")
            for n in (1, 2)
        ]
        for worker in workers:
            stack.callback(worker.kill)
            worker.hear("connected")
        task = lab.submit("ECHO", count=2, seconds=4, collect=True)
        first = [worker.hear("leased").at for worker in workers]
        killed = time.monotonic()
        faults.kill_part(system, "web")
        for worker in workers:
            worker.hear("connected", after=killed)
        lab.is_exact(task, 2)
        assert [len(worker.said("leased", after=min(first))) for worker in workers] == [1, 1]
