"""Print the settings of a new installation, with fresh secrets.

    python3 deploy/new_env.py firmlight.example [--postgres] > .env

It fills the server's name and the secrets into .env.example, and needs Python's standard library
only. Keep the file: another SECRET_KEY logs everybody out, and another password locks the server
out of its database.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / ".env.example"
SAMPLE = "firmlight.example"
PLACEHOLDER = re.compile(r"change-me(?:-[a-z]+)?")


def fill(text: str, name: str, *, postgres: bool = False) -> str:
    """Fill in the server's name, and one secret for each placeholder.

    A placeholder that appears twice gets the same secret. A secret is 256 random bits in
    hexadecimal digits, which need no quoting in a URL.
    """
    made: dict[str, str] = {}
    if postgres:
        text = text.replace("COMPOSE_PROFILES=mongo", "COMPOSE_PROFILES=postgres")
        text = re.sub(r"^DATABASE_URL=mongodb", "#~ DATABASE_URL=mongodb", text, flags=re.MULTILINE)
        text = re.sub(
            r"^#~ DATABASE_URL=postgres", "DATABASE_URL=postgres", text, flags=re.MULTILINE
        )
    lines = [
        line if line.startswith("# ") else _fill_line(line, name, made)
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"


def _fill_line(line: str, name: str, made: dict[str, str]) -> str:
    line = line.replace(SAMPLE, name)
    return PLACEHOLDER.sub(lambda found: made.setdefault(found[0], secrets.token_hex(32)), line)


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the settings of a new installation.")
    parser.add_argument(
        "name", help="the name under which people reach it, such as firmlight.example"
    )
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL instead of MongoDB")
    asked = parser.parse_args()
    sys.stdout.write(fill(EXAMPLE.read_text(), asked.name, postgres=asked.postgres))


if __name__ == "__main__":
    main()
