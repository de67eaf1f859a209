"""`firmlight service`, with a manager of services that notes what it is asked."""

from __future__ import annotations

import os
import plistlib
import sys
from pathlib import Path

import pytest

from firmlight_client.auth.login_file import Login, LoginFile
from firmlight_client.worker import service
from tests.support.cli import firmlight

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")

MANAGER = """#!/bin/sh
echo "$*" >> "{log}"
case "$*" in
  *is-active*) [ -e "{running}" ] && echo active || {{ echo inactive; exit 3; }};;
  *"enable --now"*) touch "{running}";;
  *"disable --now"*) rm -f "{running}";;
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where systemctl's arguments are noted."""
    noted = tmp_path / "asked"
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(MANAGER.format(log=noted, running=tmp_path / "running"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return noted


@pytest.fixture
def logged_in() -> None:
    home = Path(os.environ["FIRMLIGHT_HOME"])
    home.mkdir()
    LoginFile(home).save(Login(url="https://example.org", worker_token="secret"))


@pytest.mark.usefixtures("logged_in")
def test_from_installed_to_gone(log: Path) -> None:
    assert firmlight("service", "status").returncode == 1
    done = firmlight("service", "install")
    assert (done.returncode, done.stderr) == (0, "")
    assert log.read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable --now firmlight.service",
    ]
    unit = service.place().read_text()
    assert f'"{sys.executable}" "-m" "firmlight_client" "work" "--plain"' in unit
    assert f'Environment="FIRMLIGHT_HOME={os.environ["FIRMLIGHT_HOME"]}"' in unit
    assert "secret" not in unit
    assert firmlight("service", "status").returncode == 0
    assert '"running": true' in firmlight("service", "status", "--json").stdout
    assert firmlight("service", "uninstall").stdout.endswith("is gone.\n")
    assert not service.place().exists()
    assert firmlight("service", "uninstall").stdout == "No service is installed.\n"


def test_without_a_log_in_there_is_nothing_to_install(log: Path) -> None:
    done = firmlight("service", "install")
    assert done.returncode == 1
    assert "Nobody is logged in here" in done.stderr
    assert not log.exists()


@pytest.mark.usefixtures("logged_in")
def test_a_system_without_systemd_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    done = firmlight("service", "install")
    assert done.returncode == 1
    assert "systemctl is not here" in done.stderr


def test_odd_paths_are_quoted_as_systemd_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRMLIGHT_HOME", '/home/a b/100%/"x"$y')
    assert 'Environment="FIRMLIGHT_HOME=/home/a b/100%%/\\"x\\"$$y"' in service.unit()


def test_the_plist_can_be_read() -> None:
    facts = plistlib.loads(service.plist())
    assert facts["ProgramArguments"][1:] == ["-m", "firmlight_client", "work", "--plain"]
    assert facts["KeepAlive"] == {"SuccessfulExit": False}
