"""Which group a name or an id means. Worker and server decide it alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from uuid import UUID

from firmlight_client.text import as_seen


def tidy(name: str) -> str:
    """A group's name as the server keeps it: composed (NFKC), single spaces, none at the ends."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def name_key(name: str) -> str:
    """The form in which names of groups are compared: no two groups of a server share it.

    What cannot be seen in a name does not count.
    """
    return tidy(as_seen(tidy(name))).casefold()


def as_id(text: str) -> str:
    """`text` as an id in its usual form; "" if it is a name, which is always shorter than an id."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def find(text: str, groups: Mapping[str, str]) -> str:
    """The id of the group among `groups` {id: name} that this name or id means.

    "" if there is none, or more than one.
    """
    if group := as_id(text):
        return group if group in groups else ""
    key = name_key(text)
    found = [group for group, name in groups.items() if name_key(name) == key]
    return found[0] if len(found) == 1 else ""
