"""A private server that speaks MongoDB: mongod where there is one, otherwise DocumentDB behind
`gateway.py`.

Debian has no mongod. Its unstable release has PostgreSQL's extension DocumentDB, a MongoDB engine:
compatible, but not MongoDB itself. It is installed once into a folder of its own (debootstrap, 720
MB, about a minute; needs Debian and root) and started anew for each run, on data that go away with
it.

MONGO_CACHE  the folder (default: ~/.cache/firmlight-documentdb)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from tests.support.databases import postgres
from tests.support.databases.serving import NoServer, running
from tests.support.redis import free_port

PROGRAMS = "/usr/lib/postgresql/18/bin"
OPTIONS = postgres.OPTIONS | {
    "shared_preload_libraries": "pg_cron,pg_documentdb_core,pg_documentdb",
    "cron.database_name": "postgres",
    "dynamic_shared_memory_type": "mmap",
    "jit": "off",
}
MIRROR = [
    "apt-get",
    "indextargets",
    "--format",
    "$(LABEL) $(REPO_URI)",
    "Created-By: Packages",
    "Component: main",
]
# In a mount namespace of its own, so that /proc goes away with it.
INSTALL = (
    'mount -t proc proc "$1/proc" && '
    'exec chroot "$1" apt-get install -y -q --no-install-recommends '
    "postgresql-18-documentdb"
)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start it and give the URL of a database on it."""
    start = _mongod if shutil.which("mongod") else _documentdb
    with (
        tempfile.TemporaryDirectory(prefix="firmlight-mongo-") as folder,
        start(Path(folder), free_port()) as url,
    ):
        yield f"{url}/firmlight"


@contextlib.contextmanager
def _mongod(folder: Path, port: int) -> Iterator[str]:
    (folder / "data").mkdir()
    words = [
        "mongod",
        "--dbpath",
        str(folder / "data"),
        "--port",
        str(port),
        "--bind_ip",
        "127.0.0.1",
    ]
    with running(words, folder / "log", lambda: _answers(port), "KILL"):
        yield f"mongodb://127.0.0.1:{port}"


@contextlib.contextmanager
def _documentdb(folder: Path, port: int) -> Iterator[str]:
    root = _engine()
    with _postgres(root, folder) as socket:
        words = ["--port", str(port), "--pg-host", str(socket)]
        gateway = [sys.executable, "-m", "tests.support.databases.gateway", *words]
        with running(gateway, folder / "gateway.log", lambda: _answers(port), "KILL"):
            yield f"mongodb://127.0.0.1:{port}"


def _answers(port: int) -> bool:
    try:
        with pymongo.MongoClient(port=port, serverSelectionTimeoutMS=200) as client:
            return bool(client.admin.command("ping")["ok"])
    except PyMongoError:
        return False


@contextlib.contextmanager
def _postgres(root: Path, log: Path) -> Iterator[Path]:
    """PostgreSQL with the extension, inside `root`; gives the folder with its socket."""
    folder = Path(tempfile.mkdtemp(prefix="fl-", dir=root / "tmp"))
    inside = Path("/", folder.relative_to(root))
    try:
        subprocess.run(["chroot", str(root), "chown", "postgres:postgres", str(inside)], check=True)
        init = [
            "initdb",
            "-D",
            f"{inside}/data",
            "-U",
            "postgres",
            "--auth=trust",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        subprocess.run(_inside(root, *init), check=True, stdout=subprocess.DEVNULL)
        here = {
            "cron.host": str(inside),
            "documentdb.localhost_connection_string": f"host={inside}",
        }
        start = _inside(
            root, "postgres", "-D", f"{inside}/data", *postgres.words(OPTIONS | here, inside)
        )
        asked = _inside(root, "pg_isready", "-q", "-h", str(inside))
        with running(
            start,
            log / "postgres.log",
            lambda: not subprocess.run(asked, check=False).returncode,
            "QUIT",
        ):
            make = (
                "SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS documentdb CASCADE"
            )
            subprocess.run(
                _inside(root, "psql", "-qX", "-h", str(inside), "-U", "postgres", "-c", make),
                check=True,
            )
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _inside(root: Path, program: str, *words: str) -> list[str]:
    clean = ["/usr/bin/env", "-i", f"PATH={PROGRAMS}:/usr/bin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8"]
    return ["chroot", "--userspec=postgres:postgres", str(root), *clean, program, *words]


def _engine() -> Path:
    """The folder in which it is installed; of several that ask at once, one installs. Raises
    NoServer.
    """
    cache = Path(os.environ.get("MONGO_CACHE", Path.home() / ".cache" / "firmlight-documentdb"))
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "installed").exists():
            _install(cache / "root", cache / "install.log")
            (cache / "installed").touch()
    return cache / "root"


def _install(root: Path, log: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise NoServer(
            "no mongod; to build a server that speaks MongoDB takes root and: "
            "apt install debootstrap"
        )
    sys.stderr.write(
        f"Installing PostgreSQL with DocumentDB into {root} (once, about a minute) …\n"
    )
    shutil.rmtree(root, ignore_errors=True)
    with log.open("wb") as written:
        _run(["debootstrap", "--variant=minbase", "sid", str(root), _mirror()], written)
        _write(root / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)  # start no services
        _write(root / "etc/postgresql-common/createcluster.conf", "create_main_cluster = false\n")
        _write(root / "etc/dpkg/dpkg.cfg.d/no-doc", "path-exclude=/usr/share/doc/*\n")
        _run(["unshare", "--mount", "sh", "-c", INSTALL, "sh", str(root)], written)
    for folder in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / folder, ignore_errors=True)


def _run(command: list[str], log: object) -> None:
    environment = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(command, stdout=log, stderr=log, env=environment, check=False).returncode:
        raise NoServer(f"{command[0]} failed; see {log.name}")


def _mirror() -> str:
    """The Debian mirror that this machine uses."""
    lines = subprocess.run(MIRROR, capture_output=True, text=True, check=False).stdout.splitlines()
    found = [line.removeprefix("Debian ") for line in lines if line.startswith("Debian ")]
    if not found:
        raise NoServer(
            "no mongod, and no Debian mirror in the sources of apt to build something like it from"
        )
    return found[0]


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
