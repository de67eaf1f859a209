"""The environment of the parts: what the embedded system decides, and what it lets the user decide."""

import os
import socket
from collections.abc import Iterable, Mapping

import psutil

from embedded.home import Home
from embedded.orphans import MARK

# Everything that says where a system keeps its state or how it is reached. `System` takes none of
# these from the environment it is started in, so that a test or a demo never touches the real
# thing; `make run` hands them on.
DECIDED = (
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "BROKER_URL",
    "CHANNEL_LAYER_URL",
    "CACHE_URL",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "STATIC_ROOT",
    "EMAIL_URL",
    "DEBUG",
)
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  recognised, not bound


def url(host: str, port: int) -> str:
    """The address for people; a server that listens everywhere is named by its loopback address."""
    host = "127.0.0.1" if host in EVERYWHERE else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def of_the_user(names: Iterable[str] = DECIDED) -> dict[str, str]:
    """What the user's own environment says about the things that we would decide otherwise."""
    return {name: os.environ[name] for name in names if name in os.environ}


def build(home: Home, host: str, port: int, given: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of every part; `given` wins."""
    inherited = {name: value for name, value in os.environ.items() if name not in DECIDED}
    decided = {
        "DATABASE_URL": f"sqlite:///{home.database}",
        "PUBLIC_URL": url(host, port),
        "ALLOWED_HOSTS": ",".join(_names(host)),
        "STATIC_ROOT": str(home.root / "static"),
        "DEBUG": "0",
        "DJANGO_SETTINGS_MODULE": "firmlight.settings",
    }
    if "SECRET_KEY" not in given:
        decided["SECRET_KEY"] = home.secret("secret_key")
    return {**inherited, **decided, **given, MARK: str(home.root)}


def _names(host: str) -> list[str]:
    """Under which names the server may be asked: this machine's own, and nobody else's."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    if host in EVERYWHERE:
        names += [socket.gethostname(), *_addresses()]
    else:
        names.append(f"[{host}]" if ":" in host else host)
    return list(dict.fromkeys(names))


def _addresses() -> list[str]:
    found = [address for card in psutil.net_if_addrs().values() for address in card]
    return [a.address for a in found if a.family == socket.AF_INET]
