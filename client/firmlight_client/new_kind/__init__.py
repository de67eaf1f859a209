"""Writes a package with a new kind: the kind, its test, a README.

The files beside this one are the templates.
"""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from firmlight_client.errors import FirmlightClientError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
NAME_CHARS_MAX = 40
FILES = {  # what is written: of which template
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "$module/__init__.py": "kind.py.txt",
    "tests/test_$plain.py": "test_kind.py.txt",
}


def write(name: str, parent: Path) -> Path:
    """Write the package of a kind of this name into a new folder of `parent`; return the folder.

    The name may be `word-count` or `WORD_COUNT`. Raises FirmlightClientError for a name that is not
    allowed, and if the folder exists.
    """
    if not NAME.fullmatch(name) or len(name) > NAME_CHARS_MAX:
        rule = f"letters, digits and dashes, a letter first, at most {NAME_CHARS_MAX}"
        raise FirmlightClientError(f"{name!r} cannot be a kind's name: {rule}")
    words = re.split("[-_]", name.lower())
    facts = {
        "kind": "_".join(words).upper(),
        "plain": "_".join(words),
        "title": " ".join(words).capitalize(),
        "cls": "".join(word.capitalize() for word in words),
        "package": "firmlight-" + "-".join(words),
        "module": "firmlight_" + "_".join(words),
    }
    folder = parent / facts["package"]
    if folder.exists():
        raise FirmlightClientError(f"{folder} is there already")
    for path, template in FILES.items():
        file = folder / Template(path).substitute(facts)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = (Path(__file__).parent / template).read_text("utf-8")
        file.write_text(Template(text).substitute(facts), "utf-8")
    return folder
