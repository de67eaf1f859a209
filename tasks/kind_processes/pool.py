"""The children of this process: how many there are, whose turn it is, and which are replaced.

One thread that lives as long as the process starts them (`Keeper`), because on Linux a child gets
its signal when the thread that started it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from queue import Empty, SimpleQueue
from uuid import UUID

import structlog
from django.conf import settings

from core.errors import Busy
from tasks.kind_processes import wire
from tasks.kind_processes.process import Found, Process
from tasks.kind_processes.watch import Limits

# A call that has run as long is slow. Further calls of its owner do not wait for it any longer:
# they get Busy.
SLOW_SECONDS = 1.0
END_SECONDS_MAX = 5.0
START_AGAIN_SECONDS = 0.5
log = structlog.get_logger(__name__)

Owner = UUID | str


class Pool:
    """At most KIND_PROCESSES_MAX children, one call each at a time.

    Of each owner (a user) one call runs at a time, and calls with large inputs leave one child to
    the others, so that slow uploads do not hold up small calls of other users.
    """

    def __init__(self) -> None:
        self.idle: list[Process] = []  # the last one is the warmest
        self.lent: list[Process] = []
        self.size = 0  # idle, lent, and being started
        self.starting = False
        self.heavy = 0
        self.owners: dict[Owner, float] = {}  # since when their call runs
        self.changed = threading.Condition()
        self.keeper = Keeper(self)

    def warm_up(self) -> None:
        """Start the first child now, so that the first call need not wait for it."""
        with self.changed:
            self._grow()

    @contextlib.contextmanager
    def borrow(self, owner: Owner | None, *, heavy: bool) -> Iterator[Process]:
        """A child for one call. Raises Busy if none is free within KIND_WAIT_SECONDS_MAX."""
        process = self._take(owner, heavy)
        try:
            yield process
        finally:
            self._give_back(process, owner, heavy)

    def call(
        self,
        call: wire.Call,
        pieces: Sequence[bytes],
        limits: Limits,
        *,
        owner: Owner | None = None,
        heavy: bool = False,
        wanted: Callable[[], bool] | None = None,
    ) -> Generator[Found, None, None]:
        """Yield the parts of the answer. Dropping the iterator before its end kills the child.

        Raises Busy and what `Process.call` raises.
        """
        with self.borrow(owner, heavy=heavy) as process:
            try:
                yield from process.call(call, pieces, limits, wanted)
            finally:
                if process.at_work:
                    process.kill()

    def _take(self, owner: Owner | None, heavy: bool) -> Process:
        deadline = time.monotonic() + settings.KIND_WAIT_SECONDS_MAX
        with self.changed:
            while True:
                if self._may_start(owner, heavy) and (process := self._idle_one()):
                    self.lent.append(process)
                    self.heavy += heavy
                    if owner is not None:
                        self.owners[owner] = time.monotonic()
                    return process
                patience = min(deadline, self._slow_at(owner)) - time.monotonic()
                if patience <= 0:
                    raise Busy(settings.BUSY_RETRY_SECONDS)
                self.changed.wait(patience)

    def _may_start(self, owner: Owner | None, heavy: bool) -> bool:
        if owner is not None and owner in self.owners:
            return False
        return not heavy or self.heavy < max(1, settings.KIND_PROCESSES_MAX - 1)

    def _slow_at(self, owner: Owner | None) -> float:
        """When the owner's own call that runs counts as slow."""
        began = self.owners.get(owner) if owner is not None else None
        return float("inf") if began is None else began + SLOW_SECONDS

    def _idle_one(self) -> Process | None:
        while self.idle:
            process = self.idle.pop()
            if process.lives:
                return process
            self.size -= 1
            self.keeper.end(process)
        self._grow()
        return None

    def _grow(self) -> None:
        """Start one more child, if there may be one; waiting callers ask again once it is there."""
        if self.size < settings.KIND_PROCESSES_MAX and not self.starting:
            self.size += 1
            self.starting = True
            self.keeper.start()

    def _give_back(self, process: Process, owner: Owner | None, heavy: bool) -> None:
        is_spent = process.worn or process.calls >= settings.KIND_CALLS_MAX or not process.lives
        with self.changed:
            self.lent.remove(process)
            self.heavy -= heavy
            if owner is not None:
                del self.owners[owner]
            if is_spent:
                self.size -= 1
                self.keeper.end(process)
                self._grow()
            else:
                process.idle_since = time.monotonic()
                self.idle.append(process)
            self.changed.notify_all()

    def add(self, process: Process | None) -> None:
        """Take a child from the keeper, or None if it could not start one."""
        with self.changed:
            self.starting = False
            if process:
                self.idle.insert(0, process)  # it is still importing: others come first
            else:
                self.size -= 1
            self.changed.notify_all()

    def retire_idle(self) -> None:
        """End children that have been idle for a while; one always stays.

        The keeper calls it now and then.
        """
        oldest = time.monotonic() - settings.KIND_IDLE_SECONDS
        with self.changed:
            quiet = [process for process in self.idle[:-1] if process.idle_since < oldest]
            self.idle = [process for process in self.idle if process not in quiet]
            self.size -= len(quiet)
        for process in quiet:
            process.kill()

    def close(self) -> None:
        """End the keeper and the idle children; those at work end when their call does."""
        self.keeper.close()
        with self.changed:
            ended, self.idle = self.idle, []
        for process in ended:
            process.kill()


class Keeper:
    """Starts and ends children in a thread of its own."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._run, name="kind-processes", daemon=True)
        self.thread.start()

    def start(self) -> None:
        self.orders.put(self._start)

    def end(self, process: Process) -> None:
        self.orders.put(process.kill)

    def close(self) -> None:
        self.orders.put(None)
        self.thread.join(END_SECONDS_MAX)

    def _start(self) -> None:
        process = None
        try:
            process = Process(settings.KIND_MEMORY_MIB)
        except OSError:
            log.exception("kind_process_not_started")
            # Callers that wait ask again as soon as `add` wakes them: do not let them spin.
            time.sleep(START_AGAIN_SECONDS)
        finally:
            self.pool.add(process)

    def _run(self) -> None:
        while True:
            try:
                order = self.orders.get(timeout=max(0.1, settings.KIND_IDLE_SECONDS / 2))
            except Empty:
                order = self.pool.retire_idle
            if order is None:
                return
            try:
                order()
            except Exception:
                log.exception("kind_process_not_kept")


_own: Pool | None = None
_making = threading.Lock()  # two pools would be twice as many children


def children() -> Pool:
    """The pool of this process."""
    global _own  # noqa: PLW0603
    with _making:
        if _own is None:
            _own = Pool()
            atexit.register(_own.close)
        return _own


def forget() -> None:
    """End the children; the next call starts new ones with the settings and environment of then."""
    global _own
    with _making:
        ended, _own = _own, None
    if ended:
        atexit.unregister(ended.close)
        ended.close()
