"""The wheel of the client: built from `client/` and served here, so that both always match."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from core import file_modes

SOURCE = settings.BASE_DIR / "client"


@dataclass(frozen=True)
class Wheel:
    path: Path
    sha256: str

    @property
    def name(self) -> str:
        return self.path.name


def find() -> Wheel | None:
    """The wheel that the server hands out; None if none is built."""
    wheels = sorted(settings.CLIENT_ROOT.glob("*.whl"))
    if not wheels:
        return None
    newest = wheels[-1]
    return _described(newest, newest.stat().st_mtime_ns)


@cache
def _described(path: Path, changed_ns: int) -> Wheel:
    """Hashed once for each change of the file; `changed_ns` is part of the cache's key."""
    return Wheel(path, hashlib.sha256(path.read_bytes()).hexdigest())


def build() -> None:
    """Build the wheel if its sources have changed since the last time. Raises OSError.

    The new wheel replaces the old one in one step, so that a download meanwhile gets either of them
    whole.
    """
    stamp, now = settings.CLIENT_ROOT / ".built", _fingerprint()
    if find() and stamp.exists() and stamp.read_text() == now:
        return
    with file_modes.published():
        settings.CLIENT_ROOT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=settings.CLIENT_ROOT) as folder:
            made = _build_into(Path(folder))
            target = settings.CLIENT_ROOT / made.name
            made.replace(target)
        for old in set(settings.CLIENT_ROOT.glob("*.whl")) - {target}:
            old.unlink()
        stamp.write_text(now)


def _build_into(folder: Path) -> Path:
    hatchling = [sys.executable, "-m", "hatchling", "build"]
    command = [*hatchling, "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"the client's wheel cannot be built: {done.stderr.strip()[-500:]}")
    return next(folder.glob("*.whl"))


def _fingerprint() -> str:
    """A digest of the content of all files that go into the wheel."""
    digest = hashlib.sha256()
    for path in sorted([*SOURCE.glob("*.*"), *SOURCE.glob("firmlight_client/**/*")]):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(SOURCE)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
