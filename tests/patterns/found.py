"""Every regular expression of ours, found in the sources, so that a new one is examined without
anybody's doing.

A pattern is whatever a call of `re`, a RegexValidator or an argument named `pattern` gets. It is
computed where it stands, in its module; one that is only known at run time needs an example in
EXAMPLES.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCES = {
    "core": ROOT,
    "embedded": ROOT,
    "firmlight": ROOT,
    "accounts": ROOT,
    "groups": ROOT,
    "tasks": ROOT,
    "firmlight_client": ROOT / "client",
}
FLAGS_AT = {
    "compile": 1,
    "search": 2,
    "match": 2,
    "fullmatch": 2,
    "findall": 2,
    "finditer": 2,
    "split": 3,
    "sub": 4,
}
FLAGS_AT |= {"subn": 4}
WAYS = ("search", "match", "fullmatch", "findall", "finditer", "split", "sub", "subn")

# file and expression -> what it may be; (pattern, flags)
EXAMPLES: dict[tuple[str, str], tuple[str, int]] = {
    ("tasks/pages/results/tree.py", "f'({re.escape(q)})'"): (
        f"({re.escape('a' * 20)})",
        re.IGNORECASE,
    ),
}
# Not patterns: other arguments of that name, and patterns that are handed on from where they are
# examined.
HANDED_ON = {
    ("tasks/pages/fields.py", "self.pattern"),  # of a kind's Params: a `pattern=` of its module
    ("tasks/pages/schema_fields.py", "pattern"),
}


@dataclass(frozen=True)
class Found:
    """A pattern, where it stands ("file:line"), and the ways in which it is used: search,
    fullmatch, …
    """

    where: str
    pattern: re.Pattern[Any]
    ways: frozenset[str]


class Unknown(Exception):
    """A pattern that cannot be computed from its module."""


def everything() -> list[Found]:
    return [
        found
        for package, folder in SOURCES.items()
        for file in files(folder / package)
        for found in inside(file)
    ]


def files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*.py")) if "migrations" not in file.parts]


def inside(file: Path) -> Iterator[Found]:
    """The patterns of one file. Raises Unknown."""
    tree = ast.parse(file.read_text())
    names = _names_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for expression, flags, way in _patterns_of(node):
                pattern = _computed(file, expression, flags)
                if pattern is not None:
                    used = _ways_of(names[node]) if way == "compile" and node in names else {way}
                    ways = frozenset(WAYS) if used == {"compile"} or not used else frozenset(used)
                    yield Found(f"{_short(file)}:{node.lineno}", pattern, ways)


def _patterns_of(call: ast.Call) -> Iterator[tuple[ast.expr, ast.expr | None, str]]:
    """(pattern, flags, how it is used) of each pattern that this call gets."""
    named = {word.arg: word.value for word in call.keywords if word.arg}
    function = call.func
    if (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
    ):
        if function.attr in FLAGS_AT:
            place = FLAGS_AT[function.attr]
            flags = call.args[place] if len(call.args) > place else named.get("flags")
            yield (call.args[0] if call.args else named["pattern"]), flags, function.attr
    elif isinstance(function, ast.Name) and function.id == "RegexValidator":
        yield (call.args[0] if call.args else named["regex"]), named.get("flags"), "search"
    elif "pattern" in named:
        yield named["pattern"], None, "search"


def _computed(file: Path, expression: ast.expr, flags: ast.expr | None) -> re.Pattern[Any] | None:
    """None for what is no pattern of this place."""
    words = ast.unparse(expression)
    if (_short(file), words) in HANDED_ON:
        return None
    if (_short(file), words) in EXAMPLES:
        return re.compile(*EXAMPLES[_short(file), words])
    try:
        values = vars(importlib.import_module(_module_of(file)))
        pattern = eval(words, values)
        return re.compile(pattern, eval(ast.unparse(flags), values) if flags else 0)
    except NameError:
        raise Unknown(
            f"{_short(file)}:{expression.lineno}: give an example of {words} in {__name__}"
        ) from None


def _names_of(tree: ast.AST) -> dict[ast.AST, str]:
    """The call that makes a value -> the name that the value gets, of every plain assignment."""
    return {
        node.value: node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def _ways_of(name: str) -> set[str]:
    """How a compiled pattern of this name is used, anywhere; nothing if it is not to be seen."""
    return _uses()[name]


@cache
def _uses() -> defaultdict[str, set[str]]:
    """Name -> the ways in which something of that name is used, read once from all sources."""
    uses: defaultdict[str, set[str]] = defaultdict(set)
    for name, way in re.findall(rf"\b(\w+)\.({'|'.join(WAYS)})\(", _all_sources()):
        uses[name].add(way)
    return uses


def _all_sources() -> str:
    return "\n".join(
        file.read_text() for package, folder in SOURCES.items() for file in files(folder / package)
    )


def _module_of(file: Path) -> str:
    folder = ROOT / "client" if file.is_relative_to(ROOT / "client") else ROOT
    parts = file.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _short(file: Path) -> str:
    return str(file.relative_to(ROOT))
