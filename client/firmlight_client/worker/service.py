"""`firmlight work` as a service that runs while its user is logged in.

It is a systemd user unit on Linux and a launchd agent on macOS.
"""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmlight_client.auth.session import home
from firmlight_client.errors import FirmlightClientError

LABEL = "org.firmlight.worker"
UNIT = "firmlight.service"
DRAIN_SECONDS = 90  # for running subtasks to end when the machine is turned off
ASK_SECONDS_MAX = 120
WINDOWS = (
    "Windows: no service is installed. In a terminal: "
    'schtasks /Create /TN Firmlight /SC ONLOGON /TR "{command}" '
    "(and schtasks /Run /TN Firmlight to start it now)"
)

SYSTEMD = """\
[Unit]
Description=Firmlight worker: computes for its owner's groups
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={command}
Environment={home}
KillMode=mixed
TimeoutStopSec={drain}
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=2 3 4

[Install]
WantedBy=default.target
"""


class ServiceFailed(FirmlightClientError):
    """The system's service manager refused, or there is none."""


@dataclass(frozen=True)
class Status:
    installed: bool
    running: bool
    words: str


def command() -> list[str]:
    return [sys.executable, "-m", "firmlight_client", "work", "--plain"]


def install() -> str:
    """Write the service's file and start it; returns what to tell the user.

    Raises ServiceFailed.
    """
    if sys.platform == "win32":
        raise ServiceFailed(WINDOWS.format(command=subprocess.list2cmdline(command())))
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "darwin":
        path.write_bytes(plist())
        _ask(["launchctl", "bootout", f"{_domain()}/{LABEL}"], may_fail=True)
        _ask(["launchctl", "bootstrap", _domain(), str(path)])
        return f"{path} is installed and runs; it says what it does in {_log()}."
    path.write_text(unit())
    _ask(["systemctl", "--user", "daemon-reload"])
    _ask(["systemctl", "--user", "enable", "--now", UNIT])
    return (
        f"{path} is installed and runs: journalctl --user -u {UNIT} says what it does.\n"
        "It starts when you log in; to have it run without: loginctl enable-linger"
    )


def uninstall() -> str:
    """Let it finish what it runs, and remove it. Raises ServiceFailed."""
    path = place()
    if not path.exists():
        return "No service is installed."
    if sys.platform == "darwin":
        _ask(["launchctl", "bootout", f"{_domain()}/{LABEL}"], may_fail=True)
    else:
        _ask(["systemctl", "--user", "disable", "--now", UNIT], may_fail=True)
    path.unlink()
    if sys.platform != "darwin":
        _ask(["systemctl", "--user", "daemon-reload"], may_fail=True)
    return f"{path} is gone."


def status() -> Status:
    path = place()
    if not path.exists():
        return Status(False, False, "No service is installed: firmlight service install")
    if sys.platform == "darwin":
        answer = _ask(["launchctl", "print", f"{_domain()}/{LABEL}"], may_fail=True)
        running = "state = running" in answer
    else:
        answer = _ask(["systemctl", "--user", "is-active", UNIT], may_fail=True)
        running = answer.strip() == "active"
    words = "runs" if running else "does not run"
    return Status(True, running, f"{path} is installed and {words}.")


def place() -> Path:
    """The file that this system reads."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return config / "systemd" / "user" / UNIT


def unit() -> str:
    """systemd.service(5); its quoting is that of systemd.syntax(7)."""
    words = " ".join(map(_quoted, command()))
    return SYSTEMD.format(
        command=words, home=_quoted(f"FIRMLIGHT_HOME={home()}"), drain=DRAIN_SECONDS
    )


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def plist() -> bytes:
    """launchd.plist(5).

    launchd has no list of exit codes that are final, so it tries again, ten minutes apart.
    """
    facts = {
        "Label": LABEL,
        "ProgramArguments": command(),
        "EnvironmentVariables": {"FIRMLIGHT_HOME": str(home())},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 600,
        "ExitTimeOut": DRAIN_SECONDS,
        "ProcessType": "Background",
        "StandardOutPath": str(_log()),
        "StandardErrorPath": str(_log()),
    }
    return plistlib.dumps(facts)


def _log() -> Path:
    return Path.home() / "Library" / "Logs" / "firmlight.log"


def _domain() -> str:
    if sys.platform == "win32":
        return ""
    return f"gui/{os.getuid()}"


def _ask(words: Sequence[str], *, may_fail: bool = False) -> str:
    if shutil.which(words[0]) is None:
        if may_fail:
            return ""
        reason = "this system starts its services in another way"
        raise ServiceFailed(f"{words[0]} is not here: {reason}")
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=ASK_SECONDS_MAX, check=False
    )
    if done.returncode and not may_fail:
        reason = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise ServiceFailed(f"{' '.join(words)}: {reason}")
    return done.stdout
