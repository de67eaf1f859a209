import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from embedded import Problem
from embedded.home import Home
from embedded.supervision import GROUP, Part, Supervisor

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def eventually(condition, seconds=10.0):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return value


@pytest.fixture
def keep(tmp_path):
    """keep(*parts): a started supervisor."""
    started = []

    def keep(*parts):
        home = Home(tmp_path / "100 % var")
        home.create()
        supervisor = Supervisor(home, list(parts))
        started.append(supervisor)
        supervisor.start(dict(os.environ))
        return supervisor

    yield keep
    for supervisor in started:
        supervisor.stop()


def part(name, *, first=False):
    # A signal that comes between fork and exec is lost; supervisor then waits so long before it
    # kills.
    return Part(name, SLEEP, first=first, patience_seconds=1)


def pid(supervisor, name):
    return supervisor.states()[name][1]


def test_what_dies_is_started_again_at_once(keep):
    supervisor = keep(part("redis", first=True))
    first = eventually(lambda: pid(supervisor, "redis"))
    eventually(lambda: supervisor.states()["redis"][0] == "RUNNING")
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: (found := pid(supervisor, "redis")) != first and found, seconds=0.8)
    assert psutil.pid_exists(second)


def test_parts_that_are_not_first_wait_for_the_word(keep):
    supervisor = keep(part("redis", first=True), part("web"))
    assert supervisor.states()["web"] == ("STOPPED", 0)
    supervisor.start_parts()
    eventually(lambda: pid(supervisor, "web"))


def test_stopping_ends_every_part(keep):
    supervisor = keep(part("redis", first=True), part("web"))
    supervisor.start_parts()
    pids = [eventually(lambda name=name: pid(supervisor, name)) for name in ("redis", "web")]
    supervisor.stop()
    assert not any(psutil.pid_exists(one) for one in pids)
    with pytest.raises(Problem, match="supervisor has ended"):
        supervisor.states()


def test_a_part_that_does_not_start_is_named_with_its_last_words(keep):
    supervisor = keep(
        Part("web", [sys.executable, "-S", "-c", "raise SystemExit('no such planet')"], first=True)
    )
    with pytest.raises(Problem, match=r"web does not stay up: no such planet \(see .*web\.log\)"):
        eventually(lambda: supervisor.check())


def test_everything_ends_when_the_starter_is_killed(tmp_path):
    program = (
        "import os, sys, time; from pathlib import Path; from embedded.home import Home;"
        "from embedded.supervision import Part, Supervisor;"
        "home = Home(Path(sys.argv[1])); home.create();"
        f"s = Supervisor(home, [Part('redis', {SLEEP!r}, first=True)]); s.start(dict(os.environ));"
        "print(s.process.pid, s.states()['redis'][1], flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        keeper, kept = (psutil.Process(int(word)) for word in starter.stdout.readline().split())
        starter.kill()
    eventually(lambda: not _lives(keeper) and not _lives(kept))


def test_no_secret_is_in_the_configuration(keep, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "to be kept from curious eyes")
    supervisor = keep(part("web", first=True))
    assert "curious" not in (supervisor.home.root / "supervisord.conf").read_text()
    assert (
        f"[group:{GROUP}]" not in supervisor.configuration()
    )  # an empty group would not be accepted


def _lives(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
