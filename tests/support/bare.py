"""`python -m tests.support.bare COMMAND …`: run it as on a machine that has nothing.

Its PATH is a folder of links to all programs of this machine, except those that some tests need
(`needed.PROGRAMS`) and database servers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.needed import PROGRAMS

SERVERS = {"redis-server", "valkey-server", "mongod"}
KEPT = {"bash"}  # every machine has it


def left_out() -> set[str]:
    """The names of the programs that are not found there."""
    programs = [program for name, program in PROGRAMS.items() if name not in KEPT]
    return SERVERS | {Path(command).name for program in programs for command in program.commands}


def lay(folder: Path) -> None:
    """Link to what is on PATH; of programs of one name the first counts, as for a shell."""
    names = left_out()
    for place in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for program in sorted(Path(place).glob("*")) if place else ():
            link = folder / program.name
            if program.name not in names and not link.is_symlink() and os.access(program, os.X_OK):
                link.symlink_to(program.absolute())


def main(*command: str) -> int:
    with tempfile.TemporaryDirectory(prefix="firmlight-bare-") as folder:
        lay(Path(folder))
        named = {program.variable for program in PROGRAMS.values()}
        kept = {name: value for name, value in os.environ.items() if name not in named}
        return subprocess.run(command, env=kept | {"PATH": folder}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
