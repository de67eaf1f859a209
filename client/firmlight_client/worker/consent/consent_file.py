"""Changes of `worker.toml`.

Everything else in the file stays as its owner wrote it, comments included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.container import Container
from tomlkit.items import Table

from firmlight_client import private_files
from firmlight_client.group_names import as_id, find, name_key
from firmlight_client.worker.consent import group_file
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rules import FILE, MACHINE, BadConsent, Rules, check, read

YES, NO = {"yes", "true", "on"}, {"no", "false", "off"}
TYPES = {field.name: str(field.type) for field in msgspec.structs.fields(Rules)}


def put(home: Path, key: str, text: str, group: str, memory: Memory) -> str:
    """Write a rule; returns what is written now, as a line of TOML. Raises BadConsent.

    `memory` says which group in the file is meant, if that has another name by now.
    """
    document, group = _open(home, key, group, memory)
    table = _table(document, group, make=True)
    assert table is not None
    table[key] = value_of(key, text)
    _save(home, document)
    return f"{_place(group)}{key} = {tomlkit.item(table[key]).as_string()}"


def unset(home: Path, key: str, group: str, memory: Memory) -> str:
    """Take a rule out, or all rules of a group if `key` is "". Raises BadConsent, OSError."""
    document, group = _open(home, key, group, memory)
    table = _table(document, group, make=False)
    if key and (table is None or key not in table):
        return f"{_place(group)}{key} is not set"
    if table is None:
        return f"there is no rule for {group}"
    if key:
        del table[key]
    is_empty = not key or not table
    if group and is_empty:
        del document["groups"][group]
        group_file.forget(home, group)
    _save(home, document)
    if key:
        return f"{_place(group)}{key} is not set any more"
    return f"there is no rule for {group} any more"


def _place(group: str) -> str:
    return f"[{group}] " if group else ""


def value_of(key: str, text: str) -> Any:
    """The text of a command line as a value of this key.

    Text that does not fit stays text: `check` finds it, with words for the user.
    """
    kind = TYPES.get(key, "str")
    if "list" in kind:
        return [word.strip() for word in text.split(",") if word.strip()]
    if "bool" in kind and text.lower() in YES | NO:
        return text.lower() in YES
    try:
        if "int" in kind:
            return int(text)
        if "float" in kind:
            return float(text)
    except ValueError:
        pass
    return text


def _open(home: Path, key: str, group: str, memory: Memory) -> tuple[tomlkit.TOMLDocument, str]:
    """The file, and what it calls this group ("": every group)."""
    if key and key not in TYPES and key not in MACHINE:
        raise BadConsent(f"there is no rule {key!r}; there are {', '.join([*MACHINE, *TYPES])}")
    if group and key in MACHINE:
        raise BadConsent(f"{key} is not of a group")
    if not group and not key:
        raise BadConsent("say which rule, or with --group whose rules")
    read(home)
    document = tomlkit.parse(_text(home))
    if group:
        group = _name_in_file(document, group, memory)
    return document, group


def _table(document: tomlkit.TOMLDocument, group: str, *, make: bool) -> Table | Container | None:
    """The table of this group's rules; None if it is not there and not to be made."""
    if not group:
        return document
    groups: Any = document.get("groups")
    if groups is None and make:
        groups = document["groups"] = tomlkit.table(is_super_table=True)
    if groups is not None and group not in groups and make:
        groups[group] = tomlkit.table()
    return groups.get(group) if groups is not None else None


def _name_in_file(document: tomlkit.TOMLDocument, group: str, memory: Memory) -> str:
    """The name under which the file has rules for this group already; `group` if it has none."""
    names = document.get("groups") or {}
    ids = {name: as_id(name) or memory.bound.get(name, "") for name in names}
    if group in ids:
        return group
    wanted = as_id(group) or memory.bound.get(group) or find(group, memory.groups or {})
    for name, found in ids.items():
        if wanted and found == wanted:
            return name
    for name, found in ids.items():
        # The same name is the same group, unless both are known to be others.
        if name_key(name) == name_key(group) and not (wanted and found):
            return name
    return group


def _text(home: Path) -> str:
    try:
        return (home / FILE).read_text("utf-8")
    except FileNotFoundError:
        return ""


def _save(home: Path, document: tomlkit.TOMLDocument) -> None:
    """Write the file in one step, if all of it has a meaning. Raises BadConsent."""
    check(document.unwrap())
    private_files.make_folder(home)
    private_files.replace(home / FILE, tomlkit.dumps(document).encode())
