"""The server's side of one child: start it, call it, watch its time and memory, end it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import structlog

from firmlight_client import kinds
from tasks.kind_processes import wire
from tasks.kind_processes.outcomes import (
    CannotStart,
    Crashed,
    KindChanged,
    KindRaised,
    NotWanted,
    OutOfMemory,
    RuleViolated,
    TimedOut,
)

if sys.platform == "linux":
    import fcntl

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 30.0
DEATH_SECONDS_MAX = 2.0  # from the end of what it says to its own
LOOK_SECONDS = 0.5  # how often a caller is asked whether it still wants the answer
PIPE_BYTES = 2**20
READ_BYTES = 2**20
ERROR_LINES = 20
# where programs and modules lie; nothing else of the server's environment, which holds secrets
KEPT_VARIABLES = (
    *("PATH", "LD_LIBRARY_PATH", "FIRMLIGHT_EMBEDDED_VAR", "LANG", "LC_ALL"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    *(
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPYCACHEPREFIX",
    ),  # whoever says so keeps the program's folder as it is
)
log = structlog.get_logger(__name__)

Found = tuple[Any, list[bytes]]  # a value and its pieces


@dataclass(frozen=True)
class Limits:
    """Of one call. `seconds` is time spent waiting for the child, `processor_seconds` what it
    computes.
    """

    seconds: float
    processor_seconds: float


class Process:
    """One child. Not for two threads at once."""

    def __init__(self, memory_mib: int) -> None:
        self.memory_mib = memory_mib
        self.folder = Path(tempfile.mkdtemp(prefix="firmlight-kind-"))
        self.calls = 0
        self.idle_since = time.monotonic()
        self.worn = False  # it ends by itself now
        self.started = False  # it has said so
        self.at_work = False  # it has a call whose end it has not told
        self.buried = False
        try:
            self.popen = self._spawn()
        except OSError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        assert self.popen.stdin and self.popen.stdout
        self.to_child, self.from_child = self.popen.stdin.fileno(), self.popen.stdout.fileno()
        for fd in (self.to_child, self.from_child):
            os.set_blocking(fd, False)
            _widen(fd)

    def _spawn(self) -> subprocess.Popen[bytes]:
        """Nothing is inherited but three descriptors and a few variables: no socket, no secret, no
        terminal.
        """
        scratch = self.folder / "scratch"
        scratch.mkdir()
        with self._errors.open("wb") as errors:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "tasks.kind_processes.child"),
                    *(str(self.folder), str(self.memory_mib)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                cwd=scratch,
                env=_environment(scratch),
                start_new_session=True,
            )

    @property
    def _errors(self) -> Path:
        return self.folder / "errors"

    @property
    def lives(self) -> bool:
        return self.popen.poll() is None

    def call(
        self,
        call: wire.Call,
        pieces: Sequence[bytes],
        limits: Limits,
        wanted: Callable[[], bool] | None = None,
    ) -> Generator[Found, None, None]:
        """Yield the parts of the answer, the last of which is its end. While it is `at_work` nobody
        else may call.

        Raises what `outcomes` lists, NotWanted, and the kind's own ParamsError.
        """
        if not self.started:
            self._begin()
        self.calls += 1
        self.at_work = True
        watch = Watch(self, limits, wanted)
        try:
            for chunk in wire.frame(call, pieces):
                self._write(chunk, watch)
            while True:
                head, parts = self._read_frame(watch)
                assert not isinstance(head, wire.Started)
                if not isinstance(head, wire.Piece):
                    self.at_work, self.worn = False, head.worn
                if isinstance(head, wire.Failed):
                    raise failure_of(head, call.kind)
                yield head.value, parts
                if not self.at_work:
                    return
        except (EOFError, BrokenPipeError):
            self._explain_death(limits)

    def _begin(self) -> None:
        """Wait until it has imported its kinds. That is no time of the caller's kind."""
        try:
            head, _ = self._read_frame(
                Watch(self, Limits(START_SECONDS_MAX, START_SECONDS_MAX), None)
            )
        except (EOFError, TimedOut):
            self.kill()
            log.error("kind_process_not_started", errors=self._last_errors())
            raise CannotStart from None
        assert isinstance(head, wire.Started)
        self.started = True

    def _explain_death(self, limits: Limits) -> None:
        """Raise the outcome that its end means.

        One that lives on without its pipe is still `at_work`, so whoever has borrowed it kills it.
        """
        try:
            code = self.popen.wait(DEATH_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise Crashed("its process closed its pipe") from None
        if code == -signal.SIGXCPU:
            raise TimedOut(
                f"it computed for more than {limits.processor_seconds:g} s", lasting=True
            )
        how = how_it_ended(code)
        log.error("kind_process_crashed", how=how, errors=self._last_errors())
        raise Crashed(f"its process crashed ({how})")

    def _last_errors(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._errors.read_text("utf-8", "replace").splitlines()
            return "\n".join(line[:300] for line in lines[-ERROR_LINES:])
        return ""

    # Bytes

    def _write(self, data: bytes, watch: Watch) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self.to_child, rest[:PIPE_BYTES]) :]
            except BlockingIOError:
                watch.wait(self.to_child, select.POLLOUT)

    def _read_frame(self, watch: Watch) -> tuple[wire.FromChild, list[bytes]]:
        length = int.from_bytes(self._read(wire.LENGTH_BYTES, watch), "little")
        if length > wire.HEAD_BYTES_MAX:  # words of a kind; it is still `at_work`, so it is killed
            raise RuleViolated(f"What the kind says of it has {length:,} bytes.")
        head = wire.decode_answer(self._read(length, watch))
        sizes = [] if isinstance(head, wire.Started) else head.sizes
        return head, [self._read(size, watch) for size in sizes]

    def _read(self, size: int, watch: Watch) -> bytes:
        chunks, missing = list[bytes](), size
        while missing:
            try:
                chunk = os.read(self.from_child, min(missing, READ_BYTES))
            except BlockingIOError:
                watch.wait(self.from_child, select.POLLIN)
                continue
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            missing -= len(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    # The end

    def kill(self) -> None:
        """End it with everything it started, and remove its folder. A second time does nothing."""
        if self.buried:  # its number may be another process's by now
            return
        self.buried = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Watch:
    """The limits of one call while the server waits for the child."""

    def __init__(self, process: Process, limits: Limits, wanted: Callable[[], bool] | None) -> None:
        self.process, self.limits, self.wanted = process, limits, wanted
        self.left = limits.seconds
        self.look_in = LOOK_SECONDS

    def wait(self, fd: int, event: int) -> None:
        """Until something can be read or written. Raises TimedOut, OutOfMemory or NotWanted."""
        poll = select.poll()
        poll.register(fd, event)
        while True:
            began = time.monotonic()
            ready = poll.poll(1000 * max(0.001, min(self.left, self.look_in)))
            spent = time.monotonic() - began
            self.left, self.look_in = self.left - spent, self.look_in - spent
            if ready:
                return
            if self.left <= 0:
                raise TimedOut(f"it took more than {self.limits.seconds:g} s", lasting=False)
            if self.look_in <= 0:
                self.look_in = LOOK_SECONDS
                self._look()

    def _look(self) -> None:
        if self.wanted and not self.wanted():
            raise NotWanted
        if sys.platform != "linux":  # which keeps a limit itself
            most = self.process.memory_mib * 2**20
            with contextlib.suppress(psutil.Error):
                if most and psutil.Process(self.process.popen.pid).memory_info().rss > most:
                    raise OutOfMemory(f"it needed more than {self.process.memory_mib} MiB")


def failure_of(failed: wire.Failed, kind: str) -> Exception:
    """The outcome that a child tells of."""
    if failed.reason == "params":
        error = kinds.ParamsError(failed.message, failed.field)
        vars(error).update(failed.extras)
        return error
    if failed.reason == "broken_rule":
        return RuleViolated(failed.message)
    if failed.reason == "kind_changed":
        return KindChanged(failed.message)
    if failed.reason == "out_of_memory":
        return OutOfMemory(failed.message)
    log.error(
        "kind_raised", kind=kind, stage=failed.stage, error=failed.name, traceback=failed.traceback
    )
    return KindRaised(
        failed.message, name=failed.name, stage=failed.stage, traceback=failed.traceback
    )


def how_it_ended(code: int) -> str:
    """The exit code of a process in words, as subprocess counts: a signal is negative."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _widen(fd: int) -> None:
    """A larger pipe costs fewer changes between the two processes. The system may allow no more."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _environment(scratch: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    places = dict.fromkeys(("HOME", "TMPDIR"), str(scratch))
    own = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
    # A child is one core: libraries that would start a thread for every core get in each other's
    # way.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**kept, **places, **own, **threads, "PYTHONPATH": path, "PYTHONUTF8": "1"}
