"""`make run` without make: what people see, and that nothing stays behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from embedded import environment, orphans

OWN = (*environment.DECIDED, "HOST", "PORT", "VAR", "LOG_LEVEL")


@pytest.fixture
def run(tmp_path, static_root):
    """run(PORT="0", …): the started command; its folder is `tmp_path / "var"`."""
    started = []

    def run(**settings):
        unset = {
            *OWN,
            "PYTHONUNBUFFERED",
        }  # few people set it, and without it words come in another order
        clean = {name: value for name, value in os.environ.items() if name not in unset}
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded", "run"],
            env={
                **clean,
                "PORT": "0",
                "VAR": str(tmp_path / "var"),
                "STATIC_ROOT": static_root,
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
    orphans.end(tmp_path / "var")


def problem(process, var):
    """The one line it ended with; nothing may be left running."""
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = errors.splitlines()
    assert not orphans.find(var)
    return line


def in_this_folder():
    """What lies in the folder it is started in, without the caches of tools that run beside this
    test.
    """
    return {path for path in Path.cwd().iterdir() if not path.name.startswith(".")}


def address(process):
    """The address it prints when it is ready."""
    assert "starting" in process.stdout.readline()
    return process.stdout.readline().split()[4]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"LEASE_SECONDS": "abc"}, "LEASE_SECONDS must be a number, not 'abc'"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must have at least 32 characters"),
        (
            {"DATABASE_URL": "sqlite:////no/such/folder/db"},
            "DATABASE_URL cannot be used: unable to open database file",
        ),
        ({"REDIS_URL": "redis://127.0.0.1:1"}, "REDIS_URL cannot be used: "),
        ({"LOG_LEVEL": "LOUD"}, "Unknown level: 'LOUD'"),
        ({"PORT": "web"}, "PORT must be a number from 0 to 65535, not 'web'"),
        ({"HOST": "192.0.2.1"}, "HOST=192.0.2.1 is no address of this machine"),
    ],
)
def test_a_bad_setting_is_one_clear_line(run, tmp_path, settings, words):
    assert words in problem(run(**settings), tmp_path / "var")


def test_a_busy_port_is_one_clear_line(run, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in problem(run(PORT=str(port)), tmp_path / "var")


def test_it_keeps_everything_in_its_folder_and_ends_cleanly_on_sigterm(run, tmp_path):
    before = in_this_folder()
    process = run()
    assert httpx.get(f"{address(process)}/healthz", trust_env=False).json() == {"status": "alive"}
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert out.endswith("Firmlight has stopped.\n")
    assert not orphans.find(tmp_path / "var")
    assert {"firmlight.sqlite3", "log", "redis", "secret_key"} <= {
        path.name for path in (tmp_path / "var").iterdir()
    }
    assert in_this_folder() == before


def test_a_folder_that_others_could_read_is_closed_and_people_hear_of_it(run, tmp_path):
    var = tmp_path / "var"
    var.mkdir()
    var.chmod(0o755)
    process = run()
    assert "starting" in process.stdout.readline()
    assert "other users of this machine could read" in process.stdout.readline()
    assert "is ready" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert var.stat().st_mode & 0o777 == 0o700
    written = [path for path in var.rglob("*") if not path.is_symlink()]
    assert not [path for path in written if path.stat().st_mode & 0o077]


def test_ctrl_c_while_it_starts_ends_it_cleanly_too(run, tmp_path):
    process = run()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not orphans.find(tmp_path / "var")
