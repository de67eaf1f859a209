"""The commands and programs of the documents, run as they are written.

Only names and addresses are replaced by those of this server.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.needed import need
from tests.system.lab import PASSWORD, Lab
from tests.system.test_main_job import environment, start_worker

__all__ = ("start_worker",)  # a fixture
ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60


def blocks(document: str, language: str) -> list[str]:
    found = re.findall(
        rf"^ *```{language}\n(.*?)^ *```",
        (ROOT / document).read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    return [textwrap.dedent(block) for block in found]


@pytest.fixture
def here(lab: Lab, tmp_path: Path) -> Callable[[str], str]:
    """The text with this server, its group and its people."""
    np.save(tmp_path / "numbers.npy", np.arange(1000.0))
    (tmp_path / "numbers.csv.gz").write_bytes(gzip.compress(b"1\n2\n3\n"))
    words = {
        "Night shift": lab.api[0].get("groups/").json()["results"][0]["name"],
        "https://firmlight.example": lab.url,
        "http://127.0.0.1:8000": lab.url,
        '"ada"': f'"{lab.names[0]}"',
        "your password": PASSWORD,
    }

    def changed(text: str) -> str:
        for old, new in words.items():
            text = text.replace(old, new)
        return text

    return changed


@pytest.fixture
def run(lab: Lab, tmp_path: Path) -> Callable[..., str]:
    """What a command says; it must succeed."""

    def typed(*command: str) -> str:
        env = environment(lab, tmp_path / "home", lab.access[0])
        env["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), env["PATH"]))
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=SECONDS_MAX
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return typed


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("docs/start/python.md", ['[["2305843009213693951", 1]]', "succeeded 1.0", "'count': 3"]),
        ("docs/start/first-steps.md", ["2305843009213693951"]),
        ("README.md", ["2305843009213693951"]),
    ],
)
def test_the_python_of_a_document_does_what_it_says(
    document: str,
    said: list[str],
    lab: Lab,
    start_worker: Any,
    here: Callable[[str], str],
    run: Callable[..., str],
) -> None:
    start_worker(1)
    program = "\n".join(here(block) for block in blocks(document, "python"))
    output = run(sys.executable, "-c", program).replace(
        "'2305843009213693951'", '"2305843009213693951"'
    )
    assert [words for words in said if words not in output] == [], output


@need("bash")
@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("docs/reference/command-line.md", ['"number": "91"', '"mean": 2.0']),
        ("README.md", ['"mean": 50000.5']),
    ],
)
def test_the_commands_of_a_document_do_what_it_says(
    document: str,
    said: list[str],
    lab: Lab,
    start_worker: Any,
    here: Callable[[str], str],
    run: Callable[..., str],
) -> None:
    start_worker(1)
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    typed = [here(line) for line in lines if re.search(r"\bfirmlight (submit|status)|^seq", line)]
    assert len(typed) >= 2
    output = "".join(run("bash", "-ec", line) for line in typed)
    assert [words for words in said if words not in output] == [], output
