"""What this machine's owner lets it do, for each group: `worker.toml` in FIRMLIGHT_HOME.

The file's own keys hold for every group. A table `[groups."Name"]` (or the group's id) changes some
of them for that group; `rulebook` finds the group. Options of the command line override the file's
own keys, but not those of a group.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from firmlight_client.errors import FirmlightClientError
from firmlight_client.group_names import tidy
from firmlight_client.kinds import agreed_as
from firmlight_client.memory import MEMORY_MIB, MEMORY_MIB_MIN
from firmlight_client.protocol import ALL_GROUPS, MEMORY_MIB_MAX, SECONDS_MAX
from firmlight_client.worker.consent.hours import parse_span
from firmlight_client.worker.slot.slot_options import NICE, SlotOptions

FILE = "worker.toml"
MACHINE = ("name",)  # keys of the file that concern the worker as a whole
GROUPS_MAX = 256  # with rules of their own
Network = Literal["none", "public", "private"]


class BadConsent(FirmlightClientError):
    """The file, or a value in it, has no meaning."""


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules for one group. None, or nothing in a list, is no restriction."""

    kinds: Annotated[list[str], msgspec.Meta(max_length=256)] | None = None
    slots: Annotated[int, msgspec.Meta(ge=0, le=1024)] | None = None
    memory_mib: Annotated[int, msgspec.Meta(ge=0, le=MEMORY_MIB_MAX)] = MEMORY_MIB
    subtask_seconds_max: Annotated[float, msgspec.Meta(gt=0, le=SECONDS_MAX)] | None = None
    hours: list[str] = []
    network: Network = "public"
    hosts: Annotated[list[str], msgspec.Meta(max_length=256)] = []
    on_battery: bool = False
    idle_only: bool = False
    yield_to_others: bool = True
    nice: Annotated[int, msgspec.Meta(ge=0, le=19)] = NICE

    def __post_init__(self) -> None:
        for text in self.hours:
            parse_span(text)
        if self.memory_mib and self.memory_mib < MEMORY_MIB_MIN:
            raise ValueError(f"a slot needs {MEMORY_MIB_MIN} MiB at least; 0 is no limit")

    def allows(self, kind: str, *, public: bool, seconds_max: float) -> bool:
        """Whether work of this kind may run here; `public`: it needs the network."""
        if self.slots == 0:
            return False
        if self.kinds is not None and agreed_as(kind) not in self.kinds:
            return False
        if public and self.network == "none":
            return False
        return self.subtask_seconds_max is None or seconds_max <= self.subtask_seconds_max

    @property
    def slots_wanted(self) -> int:
        """How many subtasks at a time: all cores but one where nothing is said."""
        return self.slots or max(1, (os.cpu_count() or 1) - 1)

    def slot_options(self, *, public: bool) -> SlotOptions:
        """What a slot is started with for work of a kind; `public`: it needs the network."""
        if not public:
            return SlotOptions(self.memory_mib, self.nice)
        return SlotOptions(
            self.memory_mib,
            self.nice,
            network=True,
            hosts=tuple(self.hosts),
            private=self.network == "private",
        )


class Consent:
    """The rules for every group.

    `plain` holds for groups without a table of their own; `groups` has the tables, by the name as
    it is written.
    """

    def __init__(
        self, own: dict[str, Any] | None = None, groups: dict[str, dict[str, Any]] | None = None
    ) -> None:
        """Raises BadConsent."""
        self.plain = _rules(own or {}, "")
        if len(groups or {}) > GROUPS_MAX:
            raise BadConsent(f"{FILE}: at most {GROUPS_MAX} groups can have rules of their own")
        self.groups = {
            check_name(name): _rules({**(own or {}), **table}, f"groups.{name}")
            for name, table in (groups or {}).items()
        }

    def rows(self) -> list[tuple[str, Rules]]:
        """(group as it is named here, its rules); ALL_GROUPS for all others comes first."""
        return [(ALL_GROUPS, self.plain), *self.groups.items()]


def check_name(text: str) -> str:
    """The name of a group, as given. Raises BadConsent if no group can have it."""
    if text == ALL_GROUPS:
        raise BadConsent(
            f"rules for every group stand at the top of {FILE}, not in groups.{ALL_GROUPS!r}"
        )
    if not tidy(text) or "\0" in text:
        raise BadConsent(f"{FILE} or --group: {text!r} is not the name of a group")
    return text


def _rules(table: dict[str, Any], where: str) -> Rules:
    try:
        return msgspec.convert(table, Rules)
    except msgspec.ValidationError as error:
        # msgspec says: Expected `int`, got `str` - at `$.slots`
        words, _, key = str(error).replace("`", "").partition(" - at $.")
        if key:
            words += f" ({key})"
        place = f"{FILE}, {where}" if where else FILE
        raise BadConsent(f"{place}: {words}") from None


def read(home: Path) -> dict[str, Any]:
    """What is in the file; {} without one. Raises BadConsent."""
    try:
        return tomllib.loads((home / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConsent(f"{home / FILE}: {error}") from None


def load(home: Path, **options: Any) -> Consent:
    """The rules of the file, overridden by options that are not None. Raises BadConsent."""
    return check(read(home), **options)


def check(table: dict[str, Any], **options: Any) -> Consent:
    """The same of a file's content. Raises BadConsent."""
    groups = table.get("groups", {})
    if not isinstance(groups, dict) or not all(
        isinstance(group, dict) for group in groups.values()
    ):
        raise BadConsent(f'{FILE}: rules of a group are a table: [groups."Its name"]')
    own = {name: value for name, value in table.items() if name not in (*MACHINE, "groups")}
    given = {name: value for name, value in options.items() if value is not None}
    return Consent({**own, **given}, groups)


def name(home: Path) -> str:
    """The name of this machine in the file; "" if there is none. Raises BadConsent."""
    return str(read(home).get("name", ""))
