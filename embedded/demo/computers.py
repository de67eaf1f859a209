"""The computers that people lend: worker processes, each started by `firmlight work`."""

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
# The crawled site is on this machine: a worker refuses private networks unless its owner allows
# them.
OPTIONS = ("--plain", "--always", "--allow-private-networks")


class Computer:
    """One worker process of one user, with one slot; it ends with the `with` block."""

    def __init__(self, system: System, owner: str, token: str) -> None:
        self.owner, self.name = owner, f"{owner}-pc"
        self.log = system.home.log / f"worker-{owner}.log"
        folder = system.home.root / f"worker-{owner}"
        folder.mkdir(exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*_command(), "work", *OPTIONS, "--slots=1", "--name", self.name],
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
        """Kill it by SIGKILL, which no program can handle."""
        self.process.kill()
        self.process.wait()

    def check(self) -> None:
        """Raises Problem, with the last line of its log, if it ended by itself."""
        code = self.process.poll()
        if code is not None and code >= 0:
            reason = last_line(self.log) or "its log is empty"
            raise Problem(f"{self.name} ended: {reason} (see {self.log})")


def _command() -> list[str]:
    return [str(Path(sys.executable).with_name("firmlight"))]


def _environment(system: System, folder: Path, token: str) -> dict[str, str]:
    """Without the server's settings and secrets: a worker needs only a URL and a token."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "FIRMLIGHT_HOME": str(folder),
        "FIRMLIGHT_URL": system.url,
        "FIRMLIGHT_TOKEN": token,
        **system.mark,
    }
