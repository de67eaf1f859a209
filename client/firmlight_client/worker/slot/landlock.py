"""Landlock (landlock(7)): what a process gives up by itself, where namespaces are forbidden.

It needs Linux 5.13 for files, 6.7 for TCP and 6.12 for signals, and no privilege. It closes reading
and writing. It does not hide that a file exists, and leaves the mode and the times of the owner's
files to the process (chmod, utime).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CREATE_VERSION, RULE_PATH_BENEATH = 1, 1
PR_SET_NO_NEW_PRIVS = 38
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
FILES_SINCE = {1: (1 << 13) - 1, 2: 1 << 13, 3: TRUNCATE, 5: IOCTL_DEV}  # rights, by version
TCP_VERSION, SCOPE_VERSION = 4, 6
TCP_ALL = 1 | 2  # bind, connect
SCOPE_ALL = 1 | 2  # abstract Unix sockets, and signals to processes outside
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


class Landlock:
    """What this kernel has of it; `version` 0 is none."""

    def __init__(self, libc: ctypes.CDLL) -> None:
        self.libc = libc
        self.version = max(0, libc.syscall(CREATE_RULESET, None, 0, CREATE_VERSION))

    @property
    def closes_tcp(self) -> bool:
        return self.version >= TCP_VERSION

    def close_files(
        self,
        *,
        readable: Iterable[Path],
        devices: Iterable[Path],
        writable: Path,
        network: bool,
    ) -> None:
        """From now on read only what is named, write only below `writable`; no TCP, if so wanted.

        Raises OSError.
        """
        rights = sum(bits for version, bits in FILES_SINCE.items() if version <= self.version)
        tcp = TCP_ALL if self.closes_tcp and not network else 0
        ruleset = self._create(rights, tcp)
        try:
            for path in readable:
                self._allow(ruleset, path, rights & (EXECUTE | READ_FILE | READ_DIR))
            for path in devices:
                self._allow(ruleset, path, rights & (READ_FILE | WRITE_FILE | READ_DIR | IOCTL_DEV))
            self._allow(ruleset, writable, rights & ~(MAKE_CHAR | MAKE_BLOCK))
            self._restrict(ruleset)
        finally:
            os.close(ruleset)

    def close_signals(self) -> None:
        """From now on no signal reaches a process that this one has not started, where possible."""
        if self.version >= SCOPE_VERSION:
            ruleset = self._create(0, 0)
            try:
                self._restrict(ruleset)
            finally:
                os.close(ruleset)

    def _create(self, files: int, tcp: int) -> int:
        scope = SCOPE_ALL if self.version >= SCOPE_VERSION else 0
        fields = [files]
        if self.version >= TCP_VERSION:
            fields.append(tcp)
        if self.version >= SCOPE_VERSION:
            fields.append(scope)
        request = struct.pack(f"<{len(fields)}Q", *fields)
        return self._checked(self.libc.syscall(CREATE_RULESET, request, len(request), 0))

    def _allow(self, ruleset: int, path: Path, rights: int) -> None:
        if sys.platform != "linux":
            return
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not path.is_dir():
                rights &= OF_A_FILE
            request = struct.pack("<Qi", rights, place)
            self._checked(self.libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, request, 0))
        finally:
            os.close(place)

    def _restrict(self, ruleset: int) -> None:
        self.libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        self._checked(self.libc.syscall(RESTRICT_SELF, ruleset, 0))

    def _checked(self, done: int) -> int:
        if done < 0:
            raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
        return done
