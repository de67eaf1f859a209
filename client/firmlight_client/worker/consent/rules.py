"""What this machine's owner lets it do, for each group: `worker.toml` in FIRMLIGHT_HOME.

The file's own keys hold for every group; a table `[groups."Name"]` (or the group's id) changes some
of them for that group; `rulebook` knows which group that is. What is said on the command line comes
before the keys of the file, not before a group's own.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from firmlight_client.errors import FirmlightClientError
from firmlight_client.group_names import tidy
from firmlight_client.kinds import agreed_as
from firmlight_client.memory import MEMORY_MIB, MEMORY_MIB_MIN
from firmlight_client.protocol import ALL_GROUPS
from firmlight_client.worker.consent.hours import parse_span
from firmlight_client.worker.slot.slot_options import NICE, SlotOptions

FILE = "worker.toml"
MACHINE = ("name",)  # keys of the file that concern the worker as a whole
GROUPS_MAX = 256  # with rules of their own
Network = Literal["none", "public", "private"]


class BadConsent(FirmlightClientError):
    """The file, or a value of it, cannot be meant."""


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one group. None, or nothing in a list, is no restriction."""

    kinds: Annotated[list[str], msgspec.Meta(max_length=256)] | None = None
    slots: Annotated[int, msgspec.Meta(ge=0, le=1024)] | None = None
    memory_mib: Annotated[int, msgspec.Meta(ge=0)] = MEMORY_MIB
    subtask_seconds_max: Annotated[float, msgspec.Meta(gt=0)] | None = None
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
        return (
            (self.kinds is None or agreed_as(kind) in self.kinds)
            and not (public and self.network == "none")
            and (self.subtask_seconds_max is None or seconds_max <= self.subtask_seconds_max)
            and self.slots != 0
        )

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
    """Rules for every group. `plain` are those without a table of their own; `groups` has them as
    they are written.
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
    """What is meant to name a group. Raises BadConsent if nothing can have that name."""
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
        words = str(error).replace(" - at `$.", " (").replace("`", "") + (
            ")" if " - at `$." in str(error) else ""
        )
        raise BadConsent(f"{FILE}{f', {where}' if where else ''}: {words}") from None


def read(home: Path) -> dict[str, Any]:
    """The file as it is; {} without one. Raises BadConsent."""
    try:
        return tomllib.loads((home / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConsent(f"{home / FILE}: {error}") from None


def load(home: Path, **said: Any) -> Consent:
    """What the file says, under what the command line says (None: nothing). Raises BadConsent."""
    return check(read(home), **said)


def check(table: dict[str, Any], **said: Any) -> Consent:
    """The same, of what a file holds. Raises BadConsent."""
    groups = table.get("groups", {})
    if not isinstance(groups, dict) or not all(
        isinstance(group, dict) for group in groups.values()
    ):
        raise BadConsent(f'{FILE}: rules of a group are a table: [groups."Its name"]')
    own = {name: value for name, value in table.items() if name not in (*MACHINE, "groups")}
    return Consent(
        {**own, **{name: value for name, value in said.items() if value is not None}}, groups
    )


def name(home: Path) -> str:
    """What the file calls this machine; "" if it does not. Raises BadConsent."""
    return str(read(home).get("name", ""))
