"""Changes of `worker.toml`. Everything else in the file stays as its owner wrote it, comments too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.container import Container
from tomlkit.items import Table

from firmlight_client.worker.consent import FILE, MACHINE, BadConsent, Rules, check, read

YES, NO = {"yes", "true", "on"}, {"no", "false", "off"}
TYPES = {field.name: str(field.type) for field in msgspec.structs.fields(Rules)}


def put(home: Path, key: str, text: str, group: str = "") -> str:
    """Write a rule; returns what is written now, as a line of TOML. Raises BadConsent."""
    document, table = _open(home, key, group, make=True)
    assert table is not None
    table[key] = value_of(key, text)
    _save(home, document)
    return f"{_place(group)}{key} = {tomlkit.item(table[key]).as_string()}"


def unset(home: Path, key: str, group: str = "") -> str:
    """Take a rule out. Raises BadConsent."""
    document, table = _open(home, key, group, make=False)
    if table is None or key not in table:
        return f"{_place(group)}{key} is not set"
    del table[key]
    if group and not table:
        del document["groups"][_name(document, group)]
    _save(home, document)
    return f"{_place(group)}{key} is not set any more"


def _place(group: str) -> str:
    return f"[{group}] " if group else ""


def value_of(key: str, text: str) -> Any:
    """What a person's words mean for this key; what they cannot mean is found when all is checked."""
    kind = TYPES.get(key, "str")
    if "list" in kind:
        return [word.strip() for word in text.split(",") if word.strip()]
    if "bool" in kind and text.lower() in YES | NO:
        return text.lower() in YES
    try:
        return int(text) if "int" in kind else float(text) if "float" in kind else text
    except ValueError:
        return text


def _open(home: Path, key: str, group: str, *, make: bool) -> tuple[tomlkit.TOMLDocument, Table | Container | None]:
    """The file, and the table in it that is meant; None if it is not there and not to be made."""
    if key not in TYPES and key not in MACHINE:
        raise BadConsent(f"there is no rule {key!r}; there are {', '.join([*MACHINE, *TYPES])}")
    if group and key in MACHINE:
        raise BadConsent(f"{key} is not of a group")
    read(home)
    document = tomlkit.parse(_text(home))
    if not group:
        return document, document
    groups: Any = document.get("groups")
    if groups is None and make:
        groups = document["groups"] = tomlkit.table(is_super_table=True)
    name = _name(document, group)
    if groups is not None and name not in groups and make:
        groups[name] = tomlkit.table()
    return document, groups.get(name) if groups is not None else None


def _name(document: tomlkit.TOMLDocument, group: str) -> str:
    """As the file writes it already, if it does."""
    known = document.get("groups") or {}
    return next((name for name in known if name.casefold() == group.casefold()), group)


def _text(home: Path) -> str:
    try:
        return (home / FILE).read_text("utf-8")
    except FileNotFoundError:
        return ""


def _save(home: Path, document: tomlkit.TOMLDocument) -> None:
    """In one step, and only what can be meant."""
    check(document.unwrap())
    home.mkdir(parents=True, exist_ok=True)
    fresh = home / f"{FILE}.{os.getpid()}.new"
    fresh.write_text(tomlkit.dumps(document), "utf-8")
    fresh.replace(home / FILE)
