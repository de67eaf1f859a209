"""Which server wrote the files of the embedded Redis, and which servers can read them.

A server that cannot read them stops with a message about a format or, worse, starts without the
data. So the file `written-by` in the folder names the server that wrote it. In older folders
without that file, the contents say it.
"""

import re
from pathlib import Path

from embedded.redis_programs import Release

RECORD = "written-by"
HEADER_BYTES = 64  # of a snapshot: its format, then the version of the server that wrote it

# The files are the same up to Redis 7.2, from which Valkey was forked. Valkey refuses the format of
# Redis 7.4 and later, and Redis refuses the format of Valkey 9.0 and later.
LAST_REDIS_FOR_VALKEY = (7, 2)
LAST_VALKEY_FOR_REDIS = (8, 1)
FIRST_REDIS_FOR_VALKEY = (7, 2)
# Older servers ignore the folder `appendonlydir`, and would start without the data.
FIRST_WITH_FOLDER = Release("Redis", (7, 0, 0))


def record(folder: Path, release: Release) -> None:
    """Record that this server writes here. Call it before the start: servers write immediately."""
    new = folder / f"{RECORD}.new"
    new.write_text(f"{release}\n")
    new.replace(folder / RECORD)


def writers(folder: Path) -> list[Release]:
    """The servers that are known to have written the files: by the record, and by the files.

    These differ after a restore from a backup, and after a crash soon after a start. An empty
    folder has no writers.
    """
    newer = folder / "appendonlydir"
    files = [folder / "appendonly.aof", *newer.glob("*.base.rdb")]
    candidates = [_recorded(folder), *map(_in_header, files)]
    known = [release for release in candidates if release is not None]
    if not known and newer.is_dir():
        return [FIRST_WITH_FOLDER]
    return known


def unreadable(folder: Path, reader: Release) -> Release | None:
    """A writer of the folder whose files this server cannot read; None if it can read all."""
    for writer in writers(folder):
        if not can_read(reader, writer):
            return writer
    return None


def can_read(reader: Release, writer: Release) -> bool:
    """Whether `reader` can read the files of `writer`. Versions are compared without the patch."""
    old, new = writer.version[:2], reader.version[:2]
    if reader.name == writer.name:
        return new >= old
    if reader.name == "Valkey":
        return old <= LAST_REDIS_FOR_VALKEY
    return old <= LAST_VALKEY_FOR_REDIS and new >= FIRST_REDIS_FOR_VALKEY


def _recorded(folder: Path) -> Release | None:
    file = folder / RECORD
    if not file.exists():
        return None
    match = re.match(r"(Redis|Valkey) (\d+)\.(\d+)\.(\d+)", file.read_text())
    if match is None:
        return None
    return _release(*match.groups())


def _in_header(file: Path) -> Release | None:
    """The server named by the snapshot that an append-only file may begin with."""
    if not file.exists():
        return None
    with file.open("rb") as opened:
        header = opened.read(HEADER_BYTES)
    match = re.search(rb"\xfa.(redis|valkey)-ver.(\d+)\.(\d+)\.(\d+)", header, re.DOTALL)
    if match is None:
        return None
    name, *version = (group.decode() for group in match.groups())
    return _release(name.capitalize(), *version)


def _release(name: str, major: str, minor: str, patch: str) -> Release:
    return Release(name, (int(major), int(minor), int(patch)))
