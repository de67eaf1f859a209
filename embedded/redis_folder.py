"""Which server wrote the files of the embedded Redis, and which servers can read them.

A server that cannot read them stops with a message about a format, or, worse, starts empty beside
them. So the folder says who wrote it, in the file `written-by`. Folders from before there was such
a file say it by their contents.
"""

import re
from pathlib import Path

from embedded.redis_programs import Release

RECORD = "written-by"
HEADER_BYTES = 64  # of a snapshot: its format, and then the version of the server that wrote it

# Their files were the same until Redis 7.2, from which Valkey comes. Redis changed its format in
# 7.4, which Valkey refuses, and Valkey changed its own in 9.0, which Redis refuses.
LAST_REDIS_FOR_VALKEY = (7, 2)
LAST_VALKEY_FOR_REDIS = (8, 1)
FIRST_REDIS_FOR_VALKEY = (7, 2)
# Older ones do not see the folder `appendonlydir`, and would start empty.
FIRST_WITH_FOLDER = Release("Redis", (7, 0, 0))


def record(folder: Path, release: Release) -> None:
    """Note that this server writes here. To be called before it starts: it may write at once."""
    new = folder / f"{RECORD}.new"
    new.write_text(f"{release}\n")
    new.replace(folder / RECORD)


def writers(folder: Path) -> list[Release]:
    """The servers known to have written what lies there: by the record, and by the files
    themselves.

    They differ after a restore, and after a crash soon after a start. An empty folder has none.
    """
    newer = folder / "appendonlydir"
    files = [folder / "appendonly.aof", *newer.glob("*.base.rdb")]
    known = [_recorded(folder), *map(_in_header, files)]
    found = [release for release in known if release is not None]
    if not found and newer.is_dir():
        return [FIRST_WITH_FOLDER]
    return found


def unreadable(folder: Path, reader: Release) -> Release | None:
    """A writer of the folder whose files this server cannot read; None if it can read all."""
    return next((writer for writer in writers(folder) if not can_read(reader, writer)), None)


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
    match = (
        re.match(r"(Redis|Valkey) (\d+)\.(\d+)\.(\d+)", file.read_text()) if file.exists() else None
    )
    return _release(match[1], *match.groups()[1:]) if match else None


def _in_header(file: Path) -> Release | None:
    """By the snapshot that an append-only file begins with, if this one does."""
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
