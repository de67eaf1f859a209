"""A private PostgreSQL: the machine's programs, a folder that goes away, a socket in it, and
nothing is synced.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.databases.serving import NoServer, running
from tests.support.needed import POSTGRES

UNPRIVILEGED = ("postgres", "nobody")
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",  # each test process and each part of a system has a pool
    "listen_addresses": "",
}


def program(name: str) -> str:
    """Its path, of the newest version that there is. Raises NoServer."""
    found = sorted(POSTGRES.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    path = shutil.which(name) or (str(found[-1]) if found else None)
    if path is None:
        raise NoServer("PostgreSQL is not installed; on Debian and Ubuntu: apt install postgresql")
    return path


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start it and give its URL. It does not run as root: the folder gets another owner."""
    user = _somebody() if os.geteuid() == 0 else None
    folder = Path(
        tempfile.mkdtemp(prefix="firmlight-pg-", dir="/tmp")
    )  # a socket's path has 107 bytes at most
    try:
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        init = [
            program("initdb"),
            "-D",
            str(folder / "data"),
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
        ]
        subprocess.run(
            [*init, "--encoding=UTF8", "--locale=C.UTF-8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **who,
        )
        asked = [program("pg_isready"), "-q", "-h", str(folder)]
        command = [program("postgres"), "-D", str(folder / "data"), *words(OPTIONS, folder)]
        with running(
            command,
            folder / "log",
            lambda: not subprocess.run(asked, check=False).returncode,
            "QUIT",
            **who,
        ):
            yield f"postgres://postgres@/{folder}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def words(options: dict[str, str], folder: Path) -> list[str]:
    """For its command line; its socket is in the folder."""
    options = options | {"unix_socket_directories": str(folder)}
    return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]


def _somebody() -> pwd.struct_passwd:
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoServer(
        f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED)}"
    )
