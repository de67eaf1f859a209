"""A file system of its own for a slot: what it needs, read-only, and one folder that it may write.

Linux, in a user and a mount namespace of its own (see `sandbox`). The root becomes a small tmpfs
(pivot_root(2), as bubblewrap does it), in which the folders that a kind has to read are mounted
again. Everything else is not there: the owner's home is an empty folder. So is /tmp, but it can be
written, for libraries that make temporary files there whatever TMPDIR says, as FLINT does.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND = 2, 4, 8, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
MNT_DETACH = 2
MOUNT_SETATTR = 442  # the number on every architecture that Python runs on
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
ATTR_RDONLY, ATTR_NOSUID = 1, 2
ROOT_OPTIONS, MEMORY_OPTIONS = b"size=1m,mode=755", b"size=64m,nr_inodes=4096,mode=700"
TMP = Path("/tmp")  # noqa: S108  of this process alone
OLD = "/.old"
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}


class NewRoot:
    """Builds it. Mounts are read-only from the start, so nothing is created in the real folders."""

    def __init__(self, libc: ctypes.CDLL) -> None:
        self.libc = libc
        self.shown: list[Path] = []
        self.not_emptied: list[Path] = []  # Python itself lies in them

    def why_not(self) -> str:
        """Why this system cannot do it; "" if it can."""
        if not hasattr(self.libc, "pivot_root"):
            return "this system's C library has no pivot_root"
        self.libc.syscall(MOUNT_SETATTR, -1, b"", 0, None, 0)
        if ctypes.get_errno() == errno.ENOSYS:
            return "this kernel is older than Linux 5.12"
        return ""

    def enter(
        self,
        *,
        system: Sequence[Path],
        devices: Sequence[Path],
        readable: Sequence[Path],
        writable: Path,
        empty: Iterable[Path],
    ) -> None:
        """Make it, and go there. Folders in `empty` are there and have nothing in them.

        The present folder must be in `writable`. Raises OSError.
        """
        here = Path.cwd()
        links = {path: path.readlink() for path in system if path.is_symlink()}
        shown = [path for path in (*system, *readable) if path not in links]
        # Both as it is named and where it really is, for links in between lead there.
        places = {place: place for place in (path.resolve() for path in (*system, *readable))}
        places |= {path: path.resolve() for path in shown}
        own = writable.resolve()
        self._mount(None, b"/", None, MS_REC | MS_PRIVATE)
        self._mount(b"none", os.fsencode(writable), b"tmpfs", MS_NOSUID | MS_NODEV, ROOT_OPTIONS)
        os.chdir(writable)
        Path(f".{OLD}").mkdir()
        self._checked(self.libc.pivot_root(b".", os.fsencode(f".{OLD}")), "pivot_root")
        os.chdir("/")
        for path, target in links.items():  # /bin -> usr/bin
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
        self._show_devices(devices)
        has_own_tmp = TMP not in places
        if has_own_tmp:
            self._mount_memory(TMP)
        for path, place in sorted(places.items()):  # a folder comes before those in it
            self._show(place, path)
        for path in {own, writable}:
            self._bind(f"{OLD}{own}", path)
        for path in (Path("/var/tmp"), *([] if has_own_tmp else [TMP]), *empty):  # noqa: S108
            self._empty(path)
        self._checked(self.libc.umount2(OLD.encode(), MNT_DETACH), "umount2")
        Path(OLD).rmdir()
        self._set(Path("/"), ATTR_RDONLY | ATTR_NOSUID, recursive=False)
        os.chdir(here)

    def _show(self, place: Path, target: Path) -> None:
        """Mount what lies at `place`, read-only, unless it is in a folder that is shown already."""
        self.shown.append(target)
        if not target.exists():
            self._bind(f"{OLD}{place}", target)
            self._set(target, ATTR_RDONLY | ATTR_NOSUID)

    def _show_devices(self, devices: Sequence[Path]) -> None:
        for path in devices:
            self._bind(f"{OLD}{path}", path)
        for name, target in DEVICE_LINKS.items():
            Path("/dev", name).symlink_to(target)
        self._mount_memory(Path("/dev/shm"))  # noqa: S108  of this process alone

    def _mount_memory(self, path: Path) -> None:
        """A new folder that can be written. It is gone with the process."""
        path.mkdir()
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        self._mount(b"none", bytes(path), b"tmpfs", flags, MEMORY_OPTIONS)

    def _empty(self, path: Path) -> None:
        """It has nothing in it but what is shown there. In a folder that is shown, cover it."""
        if not path.exists():
            path.mkdir(parents=True)
        if path.stat().st_dev == Path("/").stat().st_dev:  # it is in our own tmpfs
            return
        if any(shown.is_relative_to(path) for shown in self.shown):
            self.not_emptied.append(path)
        else:
            flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
            self._mount(b"none", os.fsencode(path), b"tmpfs", flags, b"size=4k,mode=500")

    def _bind(self, source: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.touch()
        self._mount(os.fsencode(source), os.fsencode(target), None, MS_BIND | MS_REC)

    def _set(self, path: Path, attributes: int, *, recursive: bool = True) -> None:
        """mount_setattr(2)"""
        request = struct.pack("<QQQQ", attributes, 0, 0, 0)
        flags = AT_RECURSIVE if recursive else 0
        done = self.libc.syscall(
            MOUNT_SETATTR, AT_FDCWD, os.fsencode(path), flags, request, len(request)
        )
        self._checked(done, f"mount_setattr {path}")

    def _mount(
        self,
        source: bytes | None,
        target: bytes,
        kind: bytes | None,
        flags: int,
        options: bytes | None = None,
    ) -> None:
        done = self.libc.mount(source, target, kind, ctypes.c_ulong(flags), options)
        self._checked(done, f"mount {os.fsdecode(target)}")

    def _checked(self, done: int, what: str) -> None:
        if done:
            raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
