"""Who may read what our processes write: their user alone, except for files made to be published.

The database, the append-only file of Redis and the logs hold sessions, inputs and results.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE_UMASK, PUBLIC_UMASK = 0o077, 0o022
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_private() -> None:
    """From now on this process and all that it starts create files for their own user alone."""
    os.umask(PRIVATE_UMASK)


@contextmanager
def published() -> Iterator[None]:
    """Files created inside may be read by everybody: static files, and the client's wheel.

    A proxy may serve them, and a container image is built by another user than the one that runs
    it. The umask belongs to the whole process, so use it only where no other thread writes.
    """
    before = os.umask(PUBLIC_UMASK)
    try:
        yield
    finally:
        os.umask(before)


def close_to_others(folder: Path) -> bool:
    """Take all rights to the folder from other users; return whether they had any.

    Raises PermissionError if it belongs to another user or is shared by all, such as /tmp.
    """
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
    if found.st_mode & stat.S_ISVTX:
        raise PermissionError(f"{folder} is shared by all users")
    if not found.st_mode & OTHERS:
        return False
    folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
    return True
