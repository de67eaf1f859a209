"""A Chromium for the tests in a browser: CHROMIUM names it, or it is found where systems put it.

The headless shell is the same engine without what nobody sees, and takes a fifth less of processor time.
"""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW = "apt install chromium (on Debian), or say where one is: CHROMIUM=/path/to/chromium make test"
FLAGS = ["--no-sandbox", "--disable-background-networking"]  # the first, because root has no sandbox


def find() -> str:
    """The path of the program. Raises FileNotFoundError that says how to get it."""
    wanted = [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else NAMES
    found = next(filter(None, map(shutil.which, wanted)), None)
    if found is None:
        raise FileNotFoundError(f"The tests in a browser need Chromium. {HOW}")
    return found
