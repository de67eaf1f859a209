"""The parent's side of a slot.

Start the process, read its reports, watch its time, end it, start the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import perf_counter_ns

import msgspec

from firmlight_client.child_process import child_environment, signal_name
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.events import Broken, Death, SlotEvent
from firmlight_client.worker.slot.fence import Fence
from firmlight_client.worker.slot.slot_options import SlotOptions
from firmlight_client.worker.slot.slot_options import encode as encode_options

QUIT_SECONDS = 0.1  # a cancelled job may end between two subtasks; else its process is killed
CLOSE_SECONDS = 0.5
START_FAILURES_MAX = 3
FOLDER_PREFIX = "firmlight-slot-"
EMPTY_SECONDS = 60.0  # longer than a new folder is empty
BUFFER_BYTES = 4 * 2**20
TRACEBACK_LINES = 20
USUAL = SlotOptions()
CPU_SIGNAL = getattr(signal, "SIGXCPU", 0)
# Ctrl-C in the terminal is for the parent alone. Elsewhere a session of its own does that.
CREATION_FLAGS = 0
if sys.platform == "win32":
    CREATION_FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS
# Where programs, modules and certificates lie; nothing else of the worker's environment.
KEPT_VARIABLES = (
    "PATH",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "FIRMLIGHT_EMBEDDED_VAR",
    "SYSTEMROOT",  # this one and the next three are Windows'
    "SYSTEMDRIVE",
    "COMSPEC",
    "PATHEXT",
)


class SlotProcess:
    """One slot for the life of the worker: when its process dies, the next one is started."""

    def __init__(
        self,
        number: int,
        report: Callable[[int, SlotEvent], None],
        *,
        options: SlotOptions = USUAL,
        hidden: Path | None = None,
    ) -> None:
        self.number, self.report = number, report
        self.options, self.hidden = options, hidden
        self.process: Process | None = None
        self.closing = False
        self.moving = False  # to other options: the process is replaced on purpose
        self.given: tuple[wire.Run, float] | None = None  # a job for the process that starts
        self.fence = Fence()  # what its sandbox keeps out, once it has said so
        self.failed = ""  # why its sandbox could not be made; the next process does with less
        self.overran = 0  # start of the subtask that took too long
        self.timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Keep the slot alive until `close`.

        It is Broken, and reported so, when it dies START_FAILURES_MAX times before it starts.
        """
        failures = 0
        await asyncio.to_thread(remove_empty_folders)
        while not self.closing and failures < START_FAILURES_MAX:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=FOLDER_PREFIX))
            try:
                has_started = await self._live(folder)
                failures = 0 if has_started else failures + 1
                if failures == START_FAILURES_MAX:
                    why = _last_lines(folder) or "a slot's process ends as soon as it starts"
                    self.report(self.number, Broken(why))
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _live(self, folder: Path) -> bool:
        """One process from start to death; returns whether it ever said Started."""
        with (
            wire.create_current(folder).open("r+b") as file,
            mmap.mmap(file.fileno(), wire.CURRENT_BYTES) as shared,
            memoryview(shared) as raw,
            raw.cast("q") as self.current,
        ):
            self.process = await self._spawn(folder)
            if self.closing:  # asked for while it was being started
                self.close()
            started = False
            try:
                async for word in self._words(self.process):
                    started = True
                    self._heard(word)
            finally:
                self._unwatch()
                await self._bury(self.process)
            if self.process.returncode == wire.NO_SANDBOX and not started:
                self.failed = _last_lines(folder)
            if started and not self.closing and not self.moving:
                self.report(self.number, self._death(self.process.returncode or 0, folder))
        return started

    def _heard(self, word: wire.FromSlot) -> None:
        if isinstance(word, wire.Started):
            self.fence = word.fence
            self.moving = False
            if self.given:  # no need to report that it is another process
                run, seconds_max = self.given
                self.given = None
                self._hand_over(run, seconds_max)
                return
        self.report(self.number, word)

    async def _spawn(self, folder: Path) -> Process:
        """Start the process. It inherits three pipes and a few variables, and nothing else.

        So it has no socket, no token and no terminal.
        """
        scratch = folder / wire.SCRATCH
        scratch.mkdir()
        with (folder / wire.ERRORS_FILE).open("wb") as errors:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "firmlight_client.worker.slot.child",
                str(folder),
                encode_options(self.options),
                str(self.hidden or ""),
                self.failed,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                limit=BUFFER_BYTES,
                cwd=scratch,
                env=_environment(scratch),
                start_new_session=True,
                creationflags=CREATION_FLAGS,
            )

    async def _words(self, process: Process) -> AsyncIterator[wire.FromSlot]:
        assert process.stdout
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int.from_bytes(
                    await process.stdout.readexactly(wire.LENGTH_BYTES), "little"
                )
                word = wire.decode_from_slot(await process.stdout.readexactly(length))
                if isinstance(word, wire.Finished):
                    self._unwatch()
                yield word

    async def _bury(self, process: Process) -> None:
        """Its stdout has ended, so it is dead or dying: end it, and what it started, surely."""
        if self.closing:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), CLOSE_SECONDS)
        self._kill()
        await process.wait()

    def _death(self, code: int, folder: Path) -> Death:
        """What the end of the process means; `code` as subprocess counts it."""
        position, since = self.current[0], self.current[1]
        seconds = (perf_counter_ns() - since) / 1e9
        overran, self.overran = self.overran, 0
        if overran and overran != since:  # it went on to the next one just before it was killed
            return Death("", "", "", position, seconds)
        if overran:
            return Death("timed_out", f"it took more than {seconds:.3g} s", "", position, seconds)
        if CPU_SIGNAL and code == -CPU_SIGNAL:
            words = "several processors computed for longer than it may take"
            return Death("timed_out", words, "", position, seconds)
        return Death("crashed", how_it_ended(code), _last_lines(folder), position, seconds)

    # Orders

    def start(self, run: wire.Run, seconds_max: float, options: SlotOptions | None = None) -> None:
        """Hand over a job; each of its subtasks may take `seconds_max`.

        For other options a new process takes over.
        """
        wanted = self._possible(options or self.options)
        if wanted == self._possible(self.options):
            self._hand_over(run, seconds_max)
        else:
            self.options, self.moving, self.given = wanted, True, (run, seconds_max)
            self._kill()

    def _possible(self, options: SlotOptions) -> SlotOptions:
        """Where nothing closes it, a process has the network whatever the options say."""
        if not self.fence.closes_network:
            return msgspec.structs.replace(options, network=True)
        return options

    def _hand_over(self, run: wire.Run, seconds_max: float) -> None:
        self.current[0], self.current[1] = wire.IDLE, perf_counter_ns()
        run.seconds_max = self.seconds_max = seconds_max
        self._write(run)
        self._watch(seconds_max)

    def quit(self, job: int) -> None:
        """End this job: between two subtasks if that comes soon, otherwise with its process.

        A subtask that has run for longer than QUIT_SECONDS is not expected to end soon.
        """
        self._unwatch()
        if self.moving:
            self.given = None
            return
        self._write(wire.Quit(job))
        may_end_soon = self._seconds_at_it() <= QUIT_SECONDS
        seconds = QUIT_SECONDS if may_end_soon else 0.0
        self.timer = asyncio.get_running_loop().call_later(seconds, self._kill)

    def close(self) -> None:
        """End the process and start no other; `run` returns then."""
        self.closing = True
        if self.process and self.process.stdin:
            self.process.stdin.close()
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._kill)

    def _write(self, word: wire.Word) -> None:
        if self.process and self.process.stdin and not self.process.stdin.is_closing():
            self.process.stdin.write(wire.encode(word))

    # Time

    def _seconds_at_it(self) -> float:
        """How long it has been at what it does now."""
        return (perf_counter_ns() - self.current[1]) / 1e9

    def _watch(self, seconds: float) -> None:
        self.timer = asyncio.get_running_loop().call_later(seconds, self._check)

    def _unwatch(self) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def _check(self) -> None:
        """Kill the process if its subtask has had its time; else check again when it has."""
        since = self.current[1]
        left = self.seconds_max - self._seconds_at_it()
        if left > 0:
            self._watch(left + 0.001)
        else:
            self.overran = since
            self._kill()

    def _kill(self) -> None:
        process = self.process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform != "win32":
                os.killpg(process.pid, signal.SIGKILL)  # its session: what a kind started goes too
            elif process.returncode is None:
                process.kill()


def remove_empty_folders() -> None:
    """Remove what slots leave behind when their worker was killed.

    A slot empties its folder then, but cannot remove it: it does not see the folder that it lies
    in. Folders of living slots are not empty.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > EMPTY_SECONDS:
                folder.rmdir()


def how_it_ended(code: int) -> str:
    """The exit code of a process in words, as subprocess counts: a signal is negative."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    name = signal_name(-code)
    return f"killed by signal {-code}" + (f" ({name})" if name else "")


def _environment(scratch: Path) -> dict[str, str]:
    """No secrets of the worker's, and no way to its owner's home."""
    windows = dict.fromkeys(("USERPROFILE", "TEMP", "TMP"), str(scratch))
    return child_environment(scratch, KEPT_VARIABLES) | windows


def _last_lines(folder: Path) -> str:
    with contextlib.suppress(OSError):
        lines = (folder / wire.ERRORS_FILE).read_text("utf-8", "replace").splitlines()
        return "\n".join(line[:300] for line in lines[-TRACEBACK_LINES:])
    return ""
