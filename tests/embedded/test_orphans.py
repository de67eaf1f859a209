import os
import subprocess
import sys

import pytest

from embedded import orphans

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def spawn(tmp_path):
    """spawn(root): a process that ignores SIGTERM and carries the mark of the system in `root`."""
    started = []

    def spawn(root):
        environment = {**os.environ, orphans.MARK: str(root)}
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", STUBBORN], env=environment, stdout=subprocess.PIPE
        )
        started.append(process)
        process.stdout.readline()
        return process

    yield spawn
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_only_the_processes_of_this_folder_are_ended(spawn, tmp_path, monkeypatch):
    monkeypatch.setattr(orphans, "WEB_AND_JOBS_SECONDS", 0.2)
    ours, other = spawn(tmp_path / "var"), spawn(tmp_path / "var2")
    assert orphans.end(tmp_path / "var") == 1
    assert ours.wait(5) == -9
    assert other.poll() is None
    assert orphans.end(tmp_path / "var") == 0


def test_whoever_asks_is_never_among_them(monkeypatch, tmp_path):
    program = (
        "import os, sys; from pathlib import Path; from embedded import orphans;"
        "sys.exit(orphans.end(Path(os.environ[orphans.MARK])))"
    )
    environment = {**os.environ, orphans.MARK: str(tmp_path)}
    assert (
        subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode
        == 0
    )
