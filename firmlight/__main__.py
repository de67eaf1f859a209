"""`python -m firmlight NAME`: become one of the server's processes, or prepare a start.

`prepare [database|files]` migrates the database and lays out the static files (see
`firmlight.prepare`).
"""

from __future__ import annotations

import os
import sys

from firmlight import prepare, processes

USAGE = f"usage: python -m firmlight {'|'.join(processes.NAMES)}\n       python -m firmlight prepare [database|files]"


def main(words: list[str]) -> int:
    match words:
        case ["prepare", *parts]:
            return prepare.main(parts)
        case [name] if name in processes.NAMES:
            command = [sys.executable, "-m", *processes.arguments(name, os.environ)]
            os.execv(sys.executable, command)  # noqa: S606  no shell is wanted: signals reach the process itself
    sys.stderr.write(f"{USAGE}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
