"""Django's file storage in a folder, written so that no reader ever sees half a file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

HALF_WRITTEN = ".writing-"  # how the name of a file begins until it is whole


class FileFolder(FileSystemStorage):
    """Files that are whole and on the disk as soon as they have their name.

    A file of the same name is replaced. Several processes, also of several machines, may share the
    folder. Only its owner can read it.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself."""
        return name

    def _save(self, name: str, content: File[Any]) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, half = tempfile.mkstemp(prefix=HALF_WRITTEN, dir=path.parent)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(half).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(half).unlink()
            raise
        _sync_folder(path.parent)
        return name


def _sync_folder(folder: Path) -> None:
    """Write the folder's list of names to the disk: a power cut must not lose the newest."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
