"""`python -m firmlight NAME`: run one of the server's processes, or prepare a start.

`prepare [database|files]` migrates the database and lays out the static files (see
`firmlight.prepare`).
"""

from __future__ import annotations

import os
import sys

from core import file_modes
from firmlight import prepare, processes

USAGE = (
    f"usage: python -m firmlight {'|'.join(processes.NAMES)}\n"
    "       python -m firmlight prepare [database|files]"
)


def main(arguments: list[str]) -> int:
    file_modes.keep_private()
    match arguments:
        case ["prepare", *parts]:
            return prepare.main(parts)
        case [name] if name in processes.NAMES:
            command = [sys.executable, "-m", *processes.arguments(name, os.environ)]
            # The process replaces this one, so that signals reach it directly.
            os.execv(sys.executable, command)  # noqa: S606
    sys.stderr.write(f"{USAGE}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
