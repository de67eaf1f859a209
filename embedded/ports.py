"""Find free ports."""

import errno
import random
import socket
import sys

from embedded.problem import Problem

# Below the ports that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere),
# so that none of those takes ours between the check and the bind.
CANDIDATES = range(20_000, 32_000)
TRIES = 100


def parse(text: str) -> int:
    """`PORT` as a number; 0 means any free one. Raises Problem."""
    if not text.isdecimal() or not text.isascii() or int(text) > 65_535:
        raise Problem(f"PORT must be a number from 0 to 65535, not {text!r}")
    return int(text)


def check_free(host: str, port: int) -> None:
    """Raises Problem if no server could listen there now."""
    try:
        _bind(host, port)
    except socket.gaierror:
        raise Problem(f"HOST={host} is no address of this machine") from None
    except OSError as error:
        raise Problem(_why(host, port, error)) from None


def free(host: str, preferred: int = 0) -> int:
    """`preferred` if it is free, otherwise any free port. Raises Problem if there is none."""
    check_free(host, 0)
    for port in [preferred, *random.sample(CANDIDATES, TRIES)]:
        if port and is_free(host, port):
            return port
    raise Problem(f"no free port was found on {host}")


def is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port)
    except OSError:
        return False
    return True


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # As servers do: a port that only waits for late packets counts as free.
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host} is no address of this machine"
    if error.errno == errno.EADDRINUSE:
        other = port % 65_000 + 1
        return f"port {port} is in use on {host}; choose another one, for example PORT={other}"
    if error.errno == errno.EACCES:
        return (
            f"port {port} on {host} needs more rights than you have; "
            "choose one above 1024 with PORT"
        )
    return f"no server can listen on {host} port {port}: {error.strerror}"
