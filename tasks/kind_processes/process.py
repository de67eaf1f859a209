"""The server's side of one child: start it, call it, and end it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import structlog

from tasks.kind_processes import wire
from tasks.kind_processes.endings import death_of, failure_of
from tasks.kind_processes.environment import environment
from tasks.kind_processes.outcomes import CannotStart, Crashed, RuleViolated, TimedOut
from tasks.kind_processes.watch import Limits, Watch

if sys.platform == "linux":
    import fcntl

CHILD_MODULE = "tasks.kind_processes.child"
START_SECONDS_MAX = 30.0
DEATH_SECONDS_MAX = 2.0  # from the end of its output to the end of its process
PIPE_BYTES = 2**20
READ_BYTES = 2**20
ERROR_LINES = 20
log = structlog.get_logger(__name__)

Found = tuple[Any, list[bytes]]  # a value and its pieces


class Process:
    """One child. Only one thread may use it at a time."""

    def __init__(self, memory_mib: int) -> None:
        self.memory_mib = memory_mib
        self.folder = Path(tempfile.mkdtemp(prefix="firmlight-kind-"))
        self.calls = 0
        self.idle_since = time.monotonic()
        self.worn = False  # it has too little memory left, and ends by itself
        self.started = False  # it has said that its kinds are imported
        self.at_work = False  # it has not finished its call
        self.buried = False  # it was killed, and its process number is free
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
        """Start the process with three descriptors and a few variables.

        It inherits nothing else: no socket, no secret, no terminal.
        """
        scratch = self.folder / "scratch"
        scratch.mkdir()
        with self._errors.open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", CHILD_MODULE, str(self.folder), str(self.memory_mib)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                cwd=scratch,
                env=environment(scratch),
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
        """Yield the parts of the answer, the last of which is its end.

        Nobody else may call while it is `at_work`. Raises the outcomes in `outcomes`, and the
        kind's own ParamsError.
        """
        if not self.started:
            self._begin()
        self.calls += 1
        self.at_work = True
        watch = Watch(self.popen.pid, self.memory_mib, limits, wanted)
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
        """Wait until it has imported its kinds; the limits of a call do not count this time."""
        limits = Limits(START_SECONDS_MAX, START_SECONDS_MAX)
        try:
            head, _ = self._read_frame(Watch(self.popen.pid, self.memory_mib, limits))
        except (EOFError, TimedOut):
            self.kill()
            log.error("kind_process_not_started", errors=self._last_errors())
            raise CannotStart from None
        assert isinstance(head, wire.Started)
        self.started = True

    def _explain_death(self, limits: Limits) -> None:
        """Raise the outcome that its end means.

        A child that lives on without its pipe is still `at_work`, so the pool kills it.
        """
        try:
            code = self.popen.wait(DEATH_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise Crashed("its process closed its pipe") from None
        raise death_of(code, limits, self._last_errors())

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
        if length > wire.HEAD_BYTES_MAX:
            # The kind made a value of this size. The child is still `at_work`, so it is killed.
            raise RuleViolated(f"The kind's answer has {length:,} bytes.")
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
        """End it with all processes it started, and remove its folder. Repeating it is harmless."""
        if self.buried:  # its number may belong to another process by now
            return
        self.buried = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _widen(fd: int) -> None:
    """Enlarge a pipe, if the system allows it: the two processes switch less often then."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
