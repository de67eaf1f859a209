"""A Chromium for the tests in a browser: CHROMIUM names it, or it is found where systems put it."""

from __future__ import annotations

from tests.support.needed import PROGRAMS

FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
]  # the first, because root has no sandbox


def find() -> str:
    """The path of the program. Raises FileNotFoundError that says how to get it."""
    program = PROGRAMS["chromium"]
    found = program.path()
    if found is None:
        raise FileNotFoundError(program.lacking)
    return found
