"""How much memory a slot may take. Linux keeps such a limit; elsewhere there is none.

The limit is RLIMIT_DATA: what a process may write and shares with nobody (setrlimit(2), since Linux
4.7), touched or not. RLIMIT_AS would also count what libraries only reserve or read, and refuse
work that fits. Each process that a kind starts has the same limit for itself; memory that processes
share is not counted.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import sys
import traceback
from pathlib import Path

if sys.platform == "linux":
    import resource

MEMORY_MIB = 1024
MEMORY_MIB_MIN = 256  # a slot with NumPy at work takes about 110
REPORT_BYTES = 16 * 2**20  # more than the limit, to report that it was reached
WORN = 0.75
RESIDENT, SHARED, DATA = 1, 2, 5  # which number of /proc/self/statm, in pages (proc(5))


class Memory:
    """The limit of this process, set when this is made. `limit_mib` 0: none."""

    def __init__(self, limit_mib: int) -> None:
        self.limit_bytes = _allowed(limit_mib * 2**20)
        self.tighten()

    def tighten(self) -> None:
        """Set the limit that kinds run under."""
        self._limit(self.limit_bytes)

    def make_room(self, error: BaseException) -> None:
        """Raise the limit until `tighten`, so that this failure can be reported."""
        self._limit(self.limit_bytes + REPORT_BYTES)
        if isinstance(error, MemoryError) or self._is_short:
            let_go(error)

    def _limit(self, limit_bytes: int) -> None:
        if sys.platform == "linux" and self.limit_bytes:
            resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, self.limit_bytes + REPORT_BYTES))

    @property
    def _is_short(self) -> bool:
        return bool(self.limit_bytes) and _data_bytes() > WORN * self.limit_bytes

    @property
    def is_worn(self) -> bool:
        """Whether most memory is taken while nothing runs.

        What comes next would fail because of what earlier subtasks left behind.
        """
        return self._is_short and _resident_bytes() > WORN * self.limit_bytes

    def words(self, error: MemoryError) -> str:
        """What was too much, and the limit if there is one."""
        limit = self.limit_bytes // 2**20
        whole = f"it needed more than {limit} MiB" if limit else "there was not enough memory"
        return f"{whole}: {error}" if str(error) else whole


def _allowed(limit_bytes: int) -> int:
    """The limit, or less if this system allows less; 0 where it keeps none."""
    if sys.platform == "linux":
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if hard != resource.RLIM_INFINITY:
            limit_bytes = min(limit_bytes, hard - REPORT_BYTES)
        return max(0, limit_bytes)
    return 0


def _data_bytes() -> int:
    """What RLIMIT_DATA counts of this process, and its stack."""
    return _pages()[DATA] * mmap.PAGESIZE


def _resident_bytes() -> int:
    """What is really in use. malloc keeps freed memory for later, and it counts as data."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)
    pages = _pages()
    return (pages[RESIDENT] - pages[SHARED]) * mmap.PAGESIZE


def _pages() -> list[int]:
    return [int(word) for word in Path("/proc/self/statm").read_bytes().split()]


def let_go(error: BaseException) -> None:
    """Free what a subtask's variables held.

    An exception keeps its frames alive, and so do its causes. Frames keep their line numbers, so
    the traceback can still be shown.
    """
    traceback.clear_frames(error.__traceback__)  # this needs no memory, and frees some for the rest
    rest, seen = [error], set[int]()
    while rest:
        one = rest.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        origins = (one.__cause__, one.__context__, *getattr(one, "exceptions", ()))
        rest += [origin for origin in origins if origin]
