"""Make the blocking client of the one for asyncio: `python client/unasync.py [--check]`.

`sdk/aio.py` is written by hand. This takes `async` and `await` out of it, changes the names that
differ, and has ruff tidy the result. docs/decisions/0012 says why.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SDK = Path(__file__).parent / "firmlight_client" / "sdk"
SOURCE, TARGET = SDK / "aio.py", SDK / "client.py"
DOCSTRING = '''"""Firmlight from Python.

    client = Client.login("https://example.org", "alice", "her password")
    client.submit("FACTORIZATION", group="friends", number=2**61 - 1).result(timeout=60)

Everything that can go wrong is a FirmlightClientError (`firmlight_client.errors`). For asyncio
there is AsyncClient. This file is made from `aio.py`: change that, then run `make sync-client`.
"""'''
CHANGES = {
    r"\basync (def|for|with)\b": r"\1",
    r"\bawait ": "",
    r"\bAsync(Client|Task|Transport|Live|Iterator)\b": r"\1",
    r"__a(enter|exit)__": r"__\1__",
    "It belongs to one event loop.": "Safe to share among threads.",
}


def blocking(source: str) -> str:
    """The text of the blocking module, before it is tidied."""
    _, _, code = source.removeprefix('"""').partition('"""')
    for pattern, replacement in CHANGES.items():
        code = re.sub(pattern, replacement, code)
    return DOCSTRING + code


def tidied(text: str) -> str:
    """Sorted, simplified and formatted as every other file. Raises CalledProcessError."""
    for command in (["check", "--fix", "--unsafe-fixes", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET), "-"]
        done = subprocess.run(ruff, input=text, stdout=subprocess.PIPE, text=True, check=True)
        text = done.stdout
    return text


def main() -> int:
    made = tidied(blocking(SOURCE.read_text("utf-8")))
    if TARGET.read_text("utf-8") == made:
        return 0
    if "--check" in sys.argv[1:]:
        sys.stderr.write(f"{TARGET} is not what {SOURCE.name} says: run make sync-client\n")
        return 1
    TARGET.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
