"""Kinds that misbehave. To Python, a folder on PYTHONPATH with a dist-info is installed."""

import ctypes
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec

from firmlight_client.kinds import Kind

HOARD: list[bytearray] = []


def _signal(pid: str) -> None:
    os.kill(int(pid), 0)


def _talk(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)


ATTEMPTS: dict[str, Any] = {
    "read": lambda path: Path(path).read_bytes(),
    "list": os.listdir,
    "write": lambda path: Path(path).write_bytes(b"x"),
    "remove": os.unlink,
    "make": os.mkdir,
    "mode": lambda path: os.chmod(path, 0o777),
    "signal": _signal,
    "talk": _talk,
}


class Params(msgspec.Struct):
    """None of these is ever split."""


class Odd(Kind):
    """Payload `[what, argument]`; partial a list of what came out."""

    name, title, version = "ODD", "Misbehaves", "1"
    Params = Params

    def split(self, params: Any) -> Any:
        return []

    def run(self, payload: Any) -> Any:
        what, argument = payload
        return [getattr(self, what)(argument)]

    def combine(self, a: Any, b: Any) -> Any:
        return a + b

    def finish(self, partial: Any, params: Any) -> Any:
        return partial

    def is_decided(self, partial: Any, params: Any) -> bool:
        return "decided" in partial

    def give(self, value: Any) -> Any:
        return value

    def sleep(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def segfault(self, _: Any) -> Any:
        os.kill(os.getpid(), signal.SIGSEGV)

    def leave(self, code: int) -> Any:
        os._exit(code)

    def exit(self, code: int) -> Any:
        sys.exit(code)

    def raises(self, message: str) -> Any:
        raise ValueError(message)

    def unspeakable(self, _: Any) -> Any:
        class Mute(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        raise Mute

    def shout(self, words: str) -> str:
        print(words * 1000, flush=True)  # noqa: T201
        os.write(1, words.encode() * 1000)
        print(words, file=sys.stderr, flush=True)  # noqa: T201
        return "said"

    def read_stdin(self, _: Any) -> str:
        return sys.stdin.read()

    def large(self, size: int) -> bytes:
        return bytes(size)

    def unsendable(self, _: Any) -> object:
        return object()

    def descriptors(self, _: Any) -> list[str]:
        """What is open here, but for the folder that is being read for it."""
        names = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
        return sorted(os.readlink(name) for name in names if name.is_symlink())

    def connect(self, port: int) -> str:
        """Whether a server of this machine can be reached, in the words of the error."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return "reached"
        except OSError as error:
            return type(error).__name__ + ": " + str(error.strerror)

    def listing(self, folder: str) -> list[str]:
        return sorted(os.listdir(folder))

    def write_file(self, words: list[Any]) -> list[str]:
        """Leave a file of this name and size here; what lay here before."""
        before, (name, size) = sorted(os.listdir(".")), words
        with open(name, "wb") as file:
            file.truncate(0)
            file.seek(max(0, size - 1))
            file.write(b"x")
        return before

    def open_many(self, count: int) -> int:
        return len([open(os.devnull) for _ in range(count)])

    def niceness(self, _: Any) -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)

    def rights(self, _: Any) -> list[str]:
        lines = Path("/proc/self/status").read_text().splitlines()
        return [
            line.split()[1] for line in lines if line.startswith(("CapEff", "CapBnd", "NoNewPrivs"))
        ]

    def burn(self, processor_seconds: int) -> Any:
        """Compute on, as if nobody watched the clock."""
        resource.setrlimit(
            resource.RLIMIT_CPU, (processor_seconds, resource.getrlimit(resource.RLIMIT_CPU)[1])
        )
        while True:
            pass

    def cpu_limit(self, _: Any) -> int:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return resource.getrlimit(resource.RLIMIT_CPU)[0] - int(used.ru_utime + used.ru_stime)

    def process(self, _: Any) -> int:
        return os.getpid()

    def environment(self, _: Any) -> dict[str, str]:
        return dict(os.environ)

    def hold_the_lock(self, seconds: int) -> Any:
        """Foreign code that never lets another thread of Python run."""
        ctypes.PyDLL(None).sleep(seconds)

    def eat(self, bite_bytes: int) -> int:
        """Take all the memory there is, in bites of this size; a small one leaves no room even for
        small things.
        """
        eaten = []
        while True:
            eaten.append(bytearray(bite_bytes))

    def eat_and_hide_it(self, bite_bytes: int) -> int:
        """The same, but what is reported is another error: the memory hangs on that error's
        cause.
        """
        try:
            return self.eat(bite_bytes)
        except MemoryError as error:
            raise ValueError("no room for the answer") from error

    def eat_and_keep_it(self, bite_bytes: int) -> int:
        """The same, and what was eaten is never given back."""
        while True:
            HOARD.append(bytearray(bite_bytes))

    def eat_outside_python(self, bite_bytes: int) -> int:
        """Foreign code that does not ask whether malloc gave it anything."""
        malloc = ctypes.CDLL(None).malloc
        malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
        while True:
            ctypes.memset(malloc(bite_bytes), 1, bite_bytes)

    def multiply(self, size: int) -> float:
        import numpy as np

        return float((np.ones((size, size)) @ np.ones((size, size))).sum())

    def overflow(self, depth: int) -> Any:
        """Two lines in turn, so that the traceback does not get short by itself."""
        if depth % 2:
            return self.overflow(depth + 1)
        return self.overflow(depth - 1)

    def descend(self, seconds: int) -> Any:
        """Start a process of the kind's own, and wait."""
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])
        time.sleep(seconds)

    def attempt(self, words: list[str]) -> str:
        """What becomes of an operation on a path: "done", or the name of the error."""
        operation, path = words
        try:
            ATTEMPTS[operation](path)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "done"


class Stubborn(Odd):
    """Computes, but cannot combine: its process dies of it."""

    name = "STUBBORN"

    def combine(self, a: Any, b: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class Typed(Odd):
    """Says what its partials may be: up to three small numbers. The others do not, and get generic
    limits.
    """

    name = "TYPED"
    Partial = Annotated[
        list[Annotated[int, msgspec.Meta(ge=0, le=100)]], msgspec.Meta(max_length=3)
    ]


class Broken(Odd):
    """Computes, but raises when it combines."""

    name = "BROKEN"

    def combine(self, a: Any, b: Any) -> Any:
        raise ArithmeticError


class Roaming(Odd):
    """Says that it needs the network."""

    name, network = "ROAMING", "public"
