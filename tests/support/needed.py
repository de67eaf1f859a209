"""Programs of the machine that some tests need.

Where one is missing its tests are skipped, and the last lines of a run say how many they were and
what would bring it. `python -m tests.support.needed test` names the Debian packages that a run
lacks, for `.ci/apt-install`.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

POSTGRES = Path("/usr/lib/postgresql")  # where Debian keeps its servers, a folder for each version
CHROMIUM = (
    "chromium-headless-shell",  # the same engine without what nobody sees
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)


@dataclass(frozen=True)
class Program:
    """Any of `commands` will do. `package` is Debian's; elsewhere `source` says how to get it."""

    name: str
    commands: tuple[str, ...]
    package: str = ""
    source: str = ""
    tests: str = "test"  # what a test with it is called
    variable: str = ""  # of the environment: names the program

    def path(self) -> str | None:
        named = os.environ.get(self.variable) if self.variable else None
        wanted = [named] if named else self.commands
        return next(filter(None, map(shutil.which, wanted)), None)

    @property
    def lacking(self) -> str:
        """What is missing, and what would bring it."""
        if self.package and shutil.which("apt-get"):
            return f"no {self.name}; apt install {self.package}"
        return f"no {self.name}; {self.source or f'install {self.name}'}"


PROGRAMS = {
    "bash": Program("bash", ("bash",), "bash"),
    "caddy": Program("Caddy", ("caddy",), "caddy"),
    "chromium": Program(
        "Chromium",
        CHROMIUM,
        "chromium-headless-shell",
        source="install it, or say where it is: CHROMIUM=/path/to/chromium",
        tests="browser test",
        variable="CHROMIUM",
    ),
    "debootstrap": Program("debootstrap", ("debootstrap",), "debootstrap"),
    "mongodump": Program("mongodump", ("mongodump",), source="install MongoDB's database tools"),
    "pg_dump": Program("pg_dump", ("pg_dump",), "postgresql-client"),
    "postgres": Program(
        "PostgreSQL", ("postgres", *map(str, POSTGRES.glob("*/bin/postgres"))), "postgresql"
    ),
    "redis-cli": Program("redis-cli", ("redis-cli",), "redis-tools"),
    "sqlite3": Program("sqlite3", ("sqlite3",), "sqlite3"),
    "systemd-analyze": Program("systemd-analyze", ("systemd-analyze",), "systemd"),
}

# What `make` installs for its targets, if it may.
FOR_ALL = ("chromium", "caddy", "redis-cli", "bash")
TARGETS = {
    "test": (*FOR_ALL, "sqlite3"),
    "postgres": (*FOR_ALL, "postgres", "pg_dump"),
    "mongo": () if shutil.which("mongod") else ("debootstrap",),
}


def needs(*names: str) -> list[pytest.MarkDecorator]:
    """Marks for `pytestmark`: skip the tests of a module where one of these programs is missing."""
    return [need(name) for name in names]


def need(name: str) -> pytest.MarkDecorator:
    """A mark: skip this test where the program is missing."""
    program = PROGRAMS[name]
    return pytest.mark.skipif(program.path() is None, reason=program.lacking)


def skipped(reasons: Iterable[str]) -> list[str]:
    """The last lines of a run, one for each missing program, from the reasons of skipped tests."""
    counts = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    found = [(counts[program.lacking], program) for program in PROGRAMS.values()]
    return [
        f"{count} {program.tests}{'s' if count > 1 else ''} skipped: {program.lacking}"
        for count, program in found
        if count
    ]


def packages(target: str) -> list[str]:
    """The Debian packages that this target of `make` lacks here."""
    lacking = [PROGRAMS[name] for name in TARGETS[target] if PROGRAMS[name].path() is None]
    return [program.package for program in lacking]


if __name__ == "__main__":
    sys.stdout.write(" ".join(packages(sys.argv[1])) + "\n")
