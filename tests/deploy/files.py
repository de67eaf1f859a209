"""The files of a deployment, read as Docker, systemd and a Procfile's runner read them."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from deploy import new_env

ROOT = Path(settings.BASE_DIR)
DEPLOY = ROOT / "deploy"
NAME = "firmlight.example"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::(?P<how>[-?])(?P<word>[^}]*))?\}")
ASSIGNMENT = re.compile(r"(?P<mark>#~ |#)?(?P<name>[A-Z][A-Z0-9_]+)=(?P<value>.*)")


def env_file(text: str) -> dict[str, str]:
    """What is set in it."""
    found = (ASSIGNMENT.fullmatch(line) for line in text.splitlines())
    return {line["name"]: line["value"] for line in found if line and not line["mark"]}


def new_environment(**options: Any) -> dict[str, str]:
    return env_file(new_env.fill(new_env.EXAMPLE.read_text(), NAME, **options))


def compose(environment: dict[str, str]) -> dict[str, Any]:
    """docker-compose.yml with its variables filled in and its anchors resolved."""
    text = (ROOT / "docker-compose.yml").read_text()

    def value(found: re.Match[str]) -> str:
        known = environment.get(found["name"], "")
        if not known and found["how"] == "?":
            raise ValueError(f"{found['name']}: {found['word']}")
        return known or (found["word"] or "" if found["how"] == "-" else "")

    return yaml.safe_load(VARIABLE.sub(value, text))


def variables() -> set[str]:
    """Those that docker-compose.yml reads."""
    return {found["name"] for found in VARIABLE.finditer((ROOT / "docker-compose.yml").read_text())}


def procfile() -> dict[str, list[str]]:
    lines = (line.partition(":") for line in (ROOT / "Procfile").read_text().splitlines() if line)
    return {name: shlex.split(command) for name, _, command in lines}


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, the rest of it), lines that go on put together."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace(
        "\\\n", ""
    )
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)
    ]


def lay_out(folder: Path) -> None:
    """What the Dockerfile copies from here, and nothing else, as it lies in the image."""
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    for word, rest in dockerfile():
        *sources, target = rest.split()
        if word != "COPY" or sources[0].startswith("--from"):
            continue
        for source in (path for pattern in sources for path in ROOT.glob(pattern)):
            if source.is_dir():
                shutil.copytree(source, folder / target, ignore=skip)
            else:
                shutil.copy2(source, folder / target)
