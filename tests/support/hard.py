"""The kind HARD, installed for a while: here, and in the children that run kinds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmlight_client import kinds
from tasks.kind_processes import pool

FOLDER = Path(__file__).parent / "hard_kinds"


@contextmanager
def installed() -> Iterator[kinds.Kind]:
    """A child takes its packages and settings from when it is started, so the old ones end first,
    and these after.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        patch.setenv(
            "PYTHONPATH", os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")]))
        )
        _start_anew()
        yield kinds.get("HARD")
    _start_anew()


def _start_anew() -> None:
    kinds.installed.cache_clear()
    pool.forget()
