"""The wheel of the client: built from `client/`, handed out by the server itself, so that both
always fit together.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

SOURCE = settings.BASE_DIR / "client"


@dataclass(frozen=True)
class Wheel:
    path: Path
    sha256: str

    @property
    def name(self) -> str:
        return self.path.name


def find() -> Wheel | None:
    """The one that is handed out; None if none is built."""
    found = sorted(settings.CLIENT_ROOT.glob("*.whl"))
    return _described(found[-1], found[-1].stat().st_mtime_ns) if found else None


@cache
def _described(path: Path, changed_ns: int) -> Wheel:
    return Wheel(path, hashlib.sha256(path.read_bytes()).hexdigest())


def build() -> None:
    """Build it unless nothing has changed since the last time. Raises OSError if it cannot be
    built.

    The new one takes the old one's place in one step: whoever downloads meanwhile gets one of them
    whole.
    """
    stamp, now = settings.CLIENT_ROOT / ".built", _fingerprint()
    if find() and stamp.exists() and stamp.read_text() == now:
        return
    settings.CLIENT_ROOT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.CLIENT_ROOT) as folder:
        made = _build_into(Path(folder))
        target = settings.CLIENT_ROOT / made.name
        made.replace(target)
    for old in set(settings.CLIENT_ROOT.glob("*.whl")) - {target}:
        old.unlink()
    stamp.write_text(now)


def _build_into(folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(folder),
    ]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"the client's wheel cannot be built: {done.stderr.strip()[-500:]}")
    return next(folder.glob("*.whl"))


def _fingerprint() -> str:
    """Of the content of all that goes into it."""
    digest = hashlib.sha256()
    for path in sorted([*SOURCE.glob("*.*"), *SOURCE.glob("firmlight_client/**/*")]):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(SOURCE)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
