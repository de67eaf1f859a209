"""The computers that people lend: worker processes as `firmlight work` starts them, each with a
home of its own.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from embedded.problem import Problem
from embedded.supervision import last_line
from embedded.system import System

STOP_SECONDS_MAX = 10.0


MANNERS = ("--plain", "--always", "--allow-private-networks")


class Computer:
    """One worker process of one user, with one slot; it ends with the `with` block."""

    def __init__(self, system: System, owner: str, token: str) -> None:
        self.owner, self.name = owner, f"{owner}-pc"
        self.log = system.home.log / f"worker-{owner}.log"
        folder = system.home.root / f"worker-{owner}"
        folder.mkdir(exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                # The crawled site is on this machine: its owner allows what workers refuse
                # otherwise.
                [*_command(), "work", *MANNERS, "--slots=1", "--name", self.name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=_environment(system, folder, token),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """SIGKILL, the end that no program can prepare for."""
        self.process.kill()
        self.process.wait()

    def check(self) -> None:
        """Raises Problem, with its last words, if it ended by itself."""
        code = self.process.poll()
        if code is not None and code >= 0:
            raise Problem(
                f"{self.name} ended: {last_line(self.log) or 'it said nothing'} (see {self.log})"
            )


def _command() -> list[str]:
    return [str(Path(sys.executable).with_name("firmlight"))]


def _environment(system: System, folder: Path, token: str) -> dict[str, str]:
    """Nothing of the server's own settings and secrets: a worker needs an address and a token."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "FIRMLIGHT_HOME": str(folder),
        "FIRMLIGHT_URL": system.url,
        "FIRMLIGHT_TOKEN": token,
        **system.mark,
    }
