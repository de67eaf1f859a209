"""Files of the client that are for the user alone: what they say is nobody else's business.

Windows has no such modes: there a user's own folders are closed to others by themselves.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Create the folder, and those above it that are missing, for this user alone (0700).

    One that exists stays as it is: its owner may have chosen it, for other things, too.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)  # says what is wrong if it is no folder


def opener(path: str, flags: int) -> int:
    """For `open`: a file that is new is for this user alone (0600)."""
    return os.open(path, flags, 0o600)


def replace(path: Path, data: bytes) -> None:
    """Write a file for this user alone (0600) in one step: no reader ever sees half of it.

    It is on the disk when this returns. If it fails, the old file is still there. Raises OSError.
    """
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(fresh).unlink()
        raise
