"""The environment of the parts: what the embedded system sets, and what the user may set."""

import os
import socket
from collections.abc import Iterable, Mapping

import psutil

from embedded.home import Home
from embedded.orphans import MARK

# All variables that say where a system keeps its state or how it is reached. `System` takes none of
# them from its own environment, so that a test or a demo never touches real data; `make run` passes
# them on.
DECIDED = (
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "REDIS_MAXMEMORY_MIB",
    "BROKER_URL",
    "CHANNEL_LAYER_URL",
    "CACHE_URL",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "STATIC_ROOT",
    "FILES_ROOT",
    "FILES_BUCKET",
    "EMAIL_URL",
    "DEBUG",
)
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  compared with, not bound


def url(host: str, port: int) -> str:
    """The URL for people. A server that listens everywhere gets its loopback address."""
    if host in EVERYWHERE:
        host = "127.0.0.1"
    if ":" in host:  # an IPv6 address
        host = f"[{host}]"
    return f"http://{host}:{port}"


def of_the_user(names: Iterable[str] = DECIDED) -> dict[str, str]:
    """Those of these variables that the user's own environment sets."""
    return {name: os.environ[name] for name in names if name in os.environ}


def build(home: Home, host: str, port: int, given: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of every part; `given` takes precedence."""
    inherited = {name: value for name, value in os.environ.items() if name not in DECIDED}
    decided = {
        "DATABASE_URL": f"sqlite:///{home.database}",
        "PUBLIC_URL": url(host, port),
        "ALLOWED_HOSTS": ",".join(_names(host)),
        "STATIC_ROOT": str(home.root / "static"),
        "FILES_ROOT": str(home.root / "files"),
        "DEBUG": "0",
        "DJANGO_SETTINGS_MODULE": "firmlight.settings",
    }
    if "SECRET_KEY" not in given:
        decided["SECRET_KEY"] = home.secret("secret_key")
    return {**inherited, **decided, **given, MARK: str(home.root)}


def _names(host: str) -> list[str]:
    """The host names that requests may use: only this machine's own."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    if host in EVERYWHERE:
        names += [socket.gethostname(), *_addresses()]
    else:
        names.append(f"[{host}]" if ":" in host else host)
    return list(dict.fromkeys(names))


def _addresses() -> list[str]:
    found = [address for card in psutil.net_if_addrs().values() for address in card]
    return [a.address for a in found if a.family == socket.AF_INET]
