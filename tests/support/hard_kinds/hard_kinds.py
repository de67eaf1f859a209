"""A kind that is hard on the server. A folder on PYTHONPATH with a dist-info is an installed
package to Python.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from firmlight_client.kinds import Kind, ParamsError

HOARD: list[bytearray] = []


class HardParams(msgspec.Struct, forbid_unknown_fields=True):
    """`acts`: what to do at each stage (load, split, combine, is_decided, finish, summary, typed),
    else nothing.
    """

    acts: dict[str, str] = {}
    count: int = 3
    payload_bytes: int = 10
    notes: str = ""  # a file that gets a byte for each payload made


class Hard(Kind):
    """Payload: bytes; partial: a list of numbers. `acts` travels in the partial for those that see
    no params.
    """

    name, title, version = "HARD", "Hard on the server (for tests)", "1"
    Params = HardParams
    file_suffixes = (".hard",)

    def load(self, data: Mapping[str, Any]) -> Any:
        act(data.get("acts", {}).get("load", ""))
        return super().load(data)

    def load_file(
        self,
        file: BinaryIO,
        name: str,
        data: Mapping[str, Any],
        skipped: list[str] | None = None,
        understood: dict[str, Any] | None = None,
    ) -> HardParams:
        """The file says what to do."""
        act(file.read(100).decode())
        return HardParams()

    def summary(self, params: HardParams) -> list[tuple[str, str]]:
        act(params.acts.get("summary", ""))
        return []

    def typed(self, params: HardParams) -> dict[str, Any]:
        act(params.acts.get("typed", ""))
        return super().typed(params)

    def split(self, params: HardParams) -> Iterator[bytes]:
        for _ in range(params.count):
            if params.notes:
                with Path(params.notes).open("ab") as file:
                    file.write(b".")
            yield bytes(params.payload_bytes)
            act(params.acts.get("split", ""))

    def run(self, payload: bytes) -> Any:
        return [1, ""]

    def combine(self, a: Any, b: Any) -> Any:
        act(a[1])
        return [a[0] + b[0], ""]

    def is_decided(self, partial: Any, params: Any) -> bool:
        act(partial[2] if len(partial) > 2 else "")
        return False

    def finish(self, partial: Any, params: HardParams) -> Any:
        act(params.acts.get("finish", ""))
        return {"count": partial[0], "process": os.getpid()}


def act(what: str) -> None:
    """One of the ways in which code of a kind can be hard on who runs it. "" is none."""
    name, _, argument = what.partition(" ")
    if name:
        ACTS[name](argument)


def spin(_: str) -> None:
    while True:
        pass


def hold(seconds: str) -> None:
    """Foreign code that never lets another thread of Python run."""
    ctypes.PyDLL(None).sleep(int(seconds))


def eat(_: str) -> None:
    while True:
        HOARD.append(bytearray(10 * 2**20))


def stuff(_: str) -> None:
    """Take most of the memory and keep it."""
    HOARD.append(bytearray(220 * 2**20))


def refuse(_: str) -> None:
    error = ParamsError("which of the two?", "column")
    error.choices = ["a", "b"]  # type: ignore[attr-defined]
    error.odd = object()  # type: ignore[attr-defined]  # this cannot travel
    raise error


def raises(message: str) -> None:
    raise ZeroDivisionError(message)


def crash(_: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def descend(notes: str) -> None:
    """Start a process of the kind's own, note both ids, and wait."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(notes).write_text(f"{os.getpid()} {child.pid}\n")
    time.sleep(60)


def fall_silent(_: str) -> None:
    """What foreign code does that makes itself a daemon."""
    os.closerange(3, 64)
    time.sleep(60)


def litter(name: str) -> None:
    """A file where temporary files go, as foreign code leaves them."""
    (Path(tempfile.gettempdir()) / name).write_bytes(b"x")


def shout(words: str) -> None:
    print(words * 1000, flush=True)  # noqa: T201
    os.write(1, words.encode() * 1000)
    os.write(0, b"x") if os.isatty(0) else None
    print(words, file=sys.stderr, flush=True)  # noqa: T201


def look_around(_: str) -> None:
    """What this process was given, as a refusal that carries it."""
    error = ParamsError("look", "params")
    links = (
        [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
        if sys.platform == "linux"
        else []
    )
    error.environment = dict(os.environ)  # type: ignore[attr-defined]
    error.open_files = [os.readlink(link) for link in links if os.path.lexists(link)]  # type: ignore[attr-defined]
    error.temporary = os.listdir(tempfile.gettempdir())  # type: ignore[attr-defined]
    error.process = os.getpid()  # type: ignore[attr-defined]
    error.modules = sorted({name.partition(".")[0] for name in sys.modules})  # type: ignore[attr-defined]
    error.nice = os.getpriority(os.PRIO_PROCESS, 0)  # type: ignore[attr-defined]
    raise error


ACTS = {
    "spin": spin,
    "sleep": lambda seconds: time.sleep(float(seconds)),
    "hold": hold,
    "eat": eat,
    "stuff": stuff,
    "refuse": refuse,
    "raise": raises,
    "exit": lambda code: sys.exit(int(code)),
    "leave": lambda code: os._exit(int(code)),
    "crash": crash,
    "descend": descend,
    "fall_silent": fall_silent,
    "litter": litter,
    "shout": shout,
    "look": look_around,
}
