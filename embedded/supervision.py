"""Run the parts under supervisor: write its configuration, start it, ask it for states.

The parts inherit the environment of supervisor, so no secret is in its configuration.
"""

import contextlib
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from core import file_modes
from embedded.home import Home
from embedded.problem import Problem

BASE = Path(__file__).resolve().parents[1]
FIRST, GROUP = "first", "firmlight"
START_SECONDS_MAX = 15.0
STOP_SECONDS_MAX = 40.0
BROKEN = {"BACKOFF", "FATAL", "EXITED"}

# Paths are relative to the folder of the system, where supervisord runs. It expands some paths
# twice, and a % in the folder's name would not survive that.
DAEMON = """\
[supervisord]
nodaemon = true
silent = true
logfile = log/supervisord.log
logfile_maxbytes = 5MB
logfile_backups = 2
pidfile = supervisord.pid
childlogdir = log

[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

# A part that dies is restarted immediately, and after growing pauses (1 s, 2 s, …) if it keeps
# dying within `startsecs`.
PART = """
[program:{name}]
command = {command}
directory = {base}
autostart = {first}
autorestart = true
startsecs = 2
startretries = 20
stopsignal = {signal}
stopwaitsecs = {patience}
killasgroup = true
redirect_stderr = true
stdout_logfile = log/{name}.log
stdout_logfile_maxbytes = 5MB
stdout_logfile_backups = 2
"""

# Supervisor stops the group with the highest number first, and Redis when no other part needs it.
GROUPED = """
[group:{group}]
programs = {names}
priority = {priority}
"""


@dataclass(frozen=True)
class Part:
    """One process to keep running.

    With `first` it starts together with supervisor; the others wait for `start_parts`. `signal`
    asks it to end, and after `patience_seconds` it is killed.
    """

    name: str
    command: list[str]
    first: bool = False
    patience_seconds: int = 10
    signal: str = "TERM"


class Supervisor:
    """One supervisord and its parts."""

    def __init__(self, home: Home, parts: list[Part]) -> None:
        self.home, self.parts, self.socket = home, parts, home.socket()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start supervisord and the first parts; return when it answers. Raises Problem."""
        configuration = self.home.root / "supervisord.conf"
        configuration.write_text(self.configuration())
        with (self.home.log / "supervisord.out").open("wb") as out:
            keeper = str(Path(__file__).with_name("keeper.py"))
            self.process = subprocess.Popen(
                [sys.executable, "-P", keeper, "-n", "-c", str(configuration)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.home.root,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is for us alone; we then stop it in order
                umask=file_modes.PRIVATE_UMASK,
            )
        self._wait_for_answer()

    def configuration(self) -> str:
        """The text of supervisord.conf. Raises Problem if supervisor cannot take a path in it."""
        socket_is_inside = self.socket.parent == self.home.root
        text = DAEMON.format(socket=self.socket.name if socket_is_inside else _escaped(self.socket))
        for part in self.parts:
            text += PART.format(
                name=part.name,
                command=_escaped(shlex.join(part.command)),
                first=str(part.first).lower(),
                patience=part.patience_seconds,
                signal=part.signal,
                base=_escaped(BASE),
            )
        first = [part.name for part in self.parts if part.first]
        others = [part.name for part in self.parts if not part.first]
        for group, names, priority in ((FIRST, first, 1), (GROUP, others, 2)):
            if names:
                text += GROUPED.format(group=group, names=",".join(names), priority=priority)
        return text

    def start_parts(self) -> None:
        """Start every part that is not running yet; do not wait for them."""
        self._call("startProcessGroup", GROUP, False)

    def start_part(self, name: str) -> None:
        """Start a part that `stop_part` stopped; do not wait for it."""
        self._call("startProcess", self._full_name(name), False)

    def stop_part(self, name: str) -> None:
        """Stop one part in order; it stays down until `start_part`."""
        self._call("stopProcess", self._full_name(name))

    def _full_name(self, name: str) -> str:
        (part,) = (part for part in self.parts if part.name == name)
        return f"{FIRST if part.first else GROUP}:{name}"

    def states(self) -> dict[str, tuple[str, int]]:
        """Part -> (supervisor's name of its state, process id or 0).

        Raises Problem if supervisor has ended.
        """
        if self.process is None or self.process.poll() is not None:
            raise Problem(f"supervisor has ended; see {self.home.log / 'supervisord.log'}")
        found: Any = self._call("getAllProcessInfo")
        return {info["name"]: (info["statename"], info["pid"]) for info in found}

    def check(self, broken: set[str] = BROKEN) -> None:
        """Raises Problem, with the last line of its log, if a part is in a `broken` state."""
        for name, (state, _) in self.states().items():
            if state in broken:
                log = self.home.log / f"{name}.log"
                reason = last_line(log) or "its log is empty"
                raise Problem(f"{name} does not stay up: {reason} (see {log})")

    def stop(self) -> None:
        """Stop all parts in order, Redis last, then supervisord. Harmless if it does not run."""
        if self.process is None:
            return
        with contextlib.suppress(Problem):
            self._call("shutdown")
        assert self.process.stdin is not None
        self.process.stdin.close()  # stops it even if it did not answer
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.home.remove_socket()

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            with contextlib.suppress(Problem):
                self._call("getState")
                return
            time.sleep(0.02)
        reason = last_line(self.home.log / "supervisord.out") or "it does not answer"
        raise Problem(f"supervisor does not start: {reason}")

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            except (OSError, xmlrpc.client.Error, xmlrpc.client.ResponseError) as error:
                raise Problem(f"supervisor does not answer: {error}") from None


def last_line(file: Path) -> str:
    """The last line of the file that is not blank; "" if there is none."""
    if not file.exists():
        return ""
    with file.open("rb") as handle:
        handle.seek(max(0, file.stat().st_size - 4096))
        lines = handle.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.strip():
            return line.strip()
    return ""


def _escaped(value: object) -> str:
    """For supervisor's configuration, where % begins an expansion and " ;" a comment.

    Raises Problem for what cannot be escaped.
    """
    text = str(value)
    if " ;" in text or "\n" in text:
        raise Problem(f"supervisor cannot work in a folder of this name: {text}")
    return text.replace("%", "%%")
