"""`python -m embedded run | demo`: what `make run` and `make demo` call."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from core import file_modes
from embedded import environment, ports
from embedded.problem import Problem
from embedded.system import System

CLOSED = (
    "Until now other users of this machine could read {home}; it is for you alone now (0700). "
    "If you do not trust them, stop, remove {home}secret_key and start again: "
    "everybody has to log in anew."
)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP came: the normal end."""


def main() -> int:
    """Exit code 0 after a normal end, 1 after a Problem, 130 if the demo was interrupted."""
    file_modes.keep_private()
    parser = argparse.ArgumentParser(
        prog="python -m embedded", description="Firmlight on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="keep Firmlight up until Ctrl-C (HOST, PORT, VAR)")
    commands.add_parser("demo", help="show the whole of it in a minute (VAR)")
    command = parser.parse_args().command
    for number in SIGNALS:
        signal.signal(number, _stop)
    try:
        return run() if command == "run" else demo()
    except Problem as problem:
        sys.stderr.write(f"Firmlight: {problem}\n")
        return 1
    except Stopped:
        return 0 if command == "run" else 130


def run() -> int:
    """Start the embedded system, and wait until a signal comes."""
    host = os.environ.get("HOST") or "127.0.0.1"
    port = ports.parse(os.environ.get("PORT") or "8000")
    var = Path(os.environ.get("VAR") or "var")
    system = System(var, port, host=host, env=environment.of_the_user())
    _say("Firmlight is starting …")
    with system:
        try:
            if system.was_open:
                _say(CLOSED.format(home=system.home))
            _say(f"Firmlight is ready at {system.url} (API documentation: {system.url}/api/docs/)")
            _say(f"Ctrl-C stops it. Its data and logs are in {system.home}")
            system.watch()
        except Stopped:
            _say("Firmlight is stopping …")
    _say("Firmlight has stopped.")
    return 0


def demo() -> int:
    from embedded.demo import show

    return show(
        Path(os.environ.get("VAR") or "var") / "demo", ports.parse(os.environ.get("PORT") or "0")
    )


def _stop(number: int, frame: FrameType | None) -> None:
    """Interrupt the main thread once; later signals must not disturb the shutdown."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
