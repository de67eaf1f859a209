"""Run a command with a database server that lives as long as the command does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.support.databases import mongo, postgres
from tests.support.databases.serving import NoServer

SERVERS = {"postgres": postgres.server, "mongo": mongo.server}


def main(kind: str, *command: str) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with SERVERS[kind]() as url:
            return subprocess.run(
                command, env=os.environ | {"DATABASE_URL": url}, check=False
            ).returncode
    except NoServer as problem:
        sys.stderr.write(f"{problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
