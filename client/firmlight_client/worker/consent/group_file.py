"""What the worker remembers of groups: `groups.json` in FIRMLIGHT_HOME, for each server.

A name in `worker.toml` or after `--group` is looked up once. From then on it means that group,
however the group is called, until the rule is removed or `firmlight config forget` has it looked up
anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from filelock import FileLock

from firmlight_client import private_files
from firmlight_client.worker.consent.rules import BadConsent

FILE = "groups.json"
LOCK_SECONDS_MAX = 2.0


class Memory(msgspec.Struct, frozen=True):
    """What is known from one server.

    `groups` {id: name} are the owner's, as the server sent them last; None: it never did. `bound`
    is {name as it was written: id of the group that it means}.
    """

    groups: dict[str, str] | None = None
    bound: dict[str, str] = {}


def load(home: Path, url: str) -> Memory:
    """What is remembered of this server.

    Raises BadConsent if the file cannot be read: without it a rule might be applied to a wrong
    group.
    """
    return _read(home).get(url, Memory())


Names = Mapping[str, str]


def remember(home: Path, url: str, groups: Names | None, bound: Names) -> None:
    """Keep the groups that the server sent, and the names that have just been looked up.

    Raises OSError, BadConsent.
    """
    with _changed(home) as servers:
        known = servers.get(url, Memory()).bound
        servers[url] = Memory(None if groups is None else dict(groups), {**known, **bound})


def forget(home: Path, name: str) -> bool:
    """Have this name looked up anew, at every server; returns whether it meant a group.

    Raises OSError, BadConsent.
    """
    if not any(name in memory.bound for memory in _read(home).values()):
        return False
    with _changed(home) as servers:
        for url, memory in servers.items():
            bound = {text: group for text, group in memory.bound.items() if text != name}
            servers[url] = Memory(memory.groups, bound)
    return True


@contextlib.contextmanager
def _changed(home: Path) -> Iterator[dict[str, Memory]]:
    """The file's content, written back in one step: several workers may share the folder."""
    private_files.make_folder(home)
    with FileLock(home / f"{FILE}.lock", timeout=LOCK_SECONDS_MAX, mode=0o600):
        servers = _read(home)
        yield servers
        private_files.replace(home / FILE, msgspec.json.format(msgspec.json.encode(servers)))


def _read(home: Path) -> dict[str, Memory]:
    path = home / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Memory])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        advice = "Remove it: what names of groups mean is then looked up anew"
        raise BadConsent(f"{path} cannot be read: {error}. {advice}") from None
