"""What a kind has to read: the system's programs and libraries, and Python with its packages."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Programs, libraries, certificates and settings of the system; nobody keeps their own files there.
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix",
    "/gnu",
    "/proc",
    "/sys",
    "/run/current-system",  # NixOS
    "/run/opengl-driver",
    "/home/linuxbrew/.linuxbrew",
    "/var/lib/ca-certificates",  # openSUSE: /etc/ssl/certs leads there
)
# Of the folder that Python is installed in, which may be somebody's ~/.local.
PARTS = ("bin", "lib", "lib64", "ssl", "share/zoneinfo", "pyvenv.cfg")
NAME_SERVERS = Path("/etc/resolv.conf")  # often a link into /run
LINKS_MAX = 10
NAMED_BY = ("LD_LIBRARY_PATH", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
DEVICES = ("null", "zero", "full", "random", "urandom")
COMPUTING_DEVICES = ("nvidia*", "dri", "kfd", "accel*")


def system() -> list[Path]:
    """Those folders of the system that are here."""
    return [Path(name) for name in SYSTEM if os.path.lexists(name)]


def devices() -> list[Path]:
    """Devices that give bytes, and those that compute."""
    folder = Path("/dev")
    found = [folder / name for name in DEVICES]
    found += [path for pattern in COMPUTING_DEVICES for path in folder.glob(pattern)]
    return [path for path in found if path.exists()]


def of_python() -> list[Path]:
    """Where this Python and what it can import lie, and what the environment names for it."""
    prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    names = [*sys.path, *(f"{prefix}/{part}" for prefix in prefixes for part in PARTS)]
    for variable in NAMED_BY:
        names += os.environ.get(variable, "").split(os.pathsep)
    names += _links_to_python()
    found = [Path(name) for name in [*names, *_editable()] if name and Path(name).is_absolute()]
    return sorted({path for path in found if path.exists()})


def of_network() -> list[Path]:
    """The folder of the file that names the name servers: the file is replaced when they change.

    For kinds that have the network only: programs that resolve names may listen in there, too.
    """
    folder = NAME_SERVERS.resolve().parent
    return [folder] if folder.is_dir() else []


def _links_to_python() -> Iterator[str]:
    """The folders on the way from the link in a virtual environment to the program itself."""
    path = Path(sys.executable)
    for _ in range(LINKS_MAX):
        yield str(path.parent)
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()


def _editable() -> Iterator[str]:
    """The source folders of packages that are installed as such (PEP 610), as by `pip install -e`.

    Not all of them are in `sys.path`.
    """
    for package in metadata.distributions():
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):  # not as agreed
            facts = json.loads(package.read_text("direct_url.json") or "{}")
            if facts.get("dir_info", {}).get("editable"):
                yield unquote(urlsplit(facts["url"]).path)
