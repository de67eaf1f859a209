"""What a worker's owner agreed to, group by group, and where it rests now. Who is leased what
follows from it.

Groups are ids here. A name is looked up when the worker says hello: from then on it is that group
that is meant. While a rule fits no group of the owner's, groups without a rule of their own get
nothing: it may be meant for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from firmlight_client import group_names, kinds
from firmlight_client.protocol import ALL_GROUPS, RULE_FITS_NO_GROUP, Consent
from tasks.models import Worker

EVERYTHING = Consent()
NOTHING = Consent(kinds=[], slots=0)


@dataclass
class Agreement:
    """`consent` and `resting` as `by_id` makes them; `kinds` are the ["NAME@version"] that both
    sides have alike.

    `unfit`: whether a rule fits no group of the owner's.
    """

    consent: Mapping[str, Consent] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    resting: Mapping[str, str] = field(default_factory=dict)
    unfit: bool = False

    def key(self, group: str) -> str:
        """Under which key of `consent` and `resting` this group falls."""
        return group if group in self.consent else ALL_GROUPS

    def of(self, group: str) -> Consent:
        return self.consent.get(self.key(group), EVERYTHING)

    def why_resting(self, group: str) -> str:
        """Why the worker takes nothing of this group now; "" if it does."""
        key = self.key(group)
        if self.unfit and key == ALL_GROUPS:
            return RULE_FITS_NO_GROUP
        return self.resting.get(key, "")

    def kinds_for(self, group: str) -> list[str]:
        """What may be leased to it from this group, were it at work."""
        agreed = self.of(group)
        return (
            []
            if agreed.slots == 0
            else [kind for kind in self.kinds if allows(agreed, kind.partition("@")[0])]
        )

    def slots_for(self, group: str, slots: int) -> int:
        agreed = self.of(group).slots
        return slots if agreed is None else min(slots, agreed)


def by_id(consent: Mapping[str, Consent], owned: Mapping[str, str]) -> dict[str, Consent]:
    """What hello brought, with the ids of groups for keys; what fits none of `owned` {id: name}
    keeps its key.

    Two rules for one group cannot both be meant: it gets nothing.
    """
    found: dict[str, Consent] = {}
    for written, rules in consent.items():
        key = group_key(written, owned)
        found[key] = NOTHING if key in found else rules
    return found


def group_key(written: str, owned: Mapping[str, str]) -> str:
    """The id of the group among `owned` {id: name} that is meant; what was written if there is
    none.
    """
    if written == ALL_GROUPS:
        return written
    return group_names.find(written, owned) or group_names.as_id(written) or written


def unfit(keys: Iterable[str], owned: Mapping[str, str]) -> frozenset[str]:
    """Those of these keys that mean none of the groups `owned` {id: name}."""
    return frozenset(key for key in keys if key != ALL_GROUPS and not group_names.find(key, owned))


def allows(consent: Consent, kind: str) -> bool:
    """Whether work of this kind is agreed to."""
    known = kinds.installed().get(kind)
    if known and known.network == "public" and consent.network == "none":
        return False
    return consent.kinds is None or kinds.agreed_as(kind) in consent.kinds


def stored(consent: Mapping[str, Consent]) -> dict[str, Any]:
    """As the database keeps it: only what differs from an agreement to everything."""
    return {name: msgspec.to_builtins(agreed) for name, agreed in consent.items()}


def restored(rows: Mapping[str, Any]) -> dict[str, Consent]:
    """The other way round; what cannot be read counts as an agreement to everything."""
    try:
        return msgspec.convert(rows, dict[str, Consent])
    except msgspec.ValidationError:
        return {}


def of_worker(worker: Worker, group: str) -> Consent:
    """What its owner agreed to for the group of this id when it said hello last."""
    return Agreement(restored(worker.consent)).of(group)


def names_unfit(worker: Worker, owned: Mapping[str, str]) -> list[str]:
    """What its owner calls the groups of the rules that fit none of `owned` {id: name}, as of its
    last hello.
    """
    consent = restored(worker.consent)
    return sorted(consent[key].written or key for key in unfit(consent, owned))


def words(consent: Consent) -> list[str]:
    """What is not agreed to, for people: ["only MEAN", "no network"]."""
    found = [
        (consent.kinds is not None, "only " + (", ".join(consent.kinds or []) or "nothing")),
        (consent.slots is not None, f"at most {consent.slots} at a time"),
        (
            consent.subtask_seconds_max is not None,
            f"subtasks of at most {consent.subtask_seconds_max or 0:g} s",
        ),
        (bool(consent.hours), "at " + ", ".join(consent.hours)),
        (consent.network == "none", "no network"),
        (bool(consent.hosts), "only " + ", ".join(consent.hosts)),
        (consent.idle_only, "only while nobody uses it"),
    ]
    return [text for holds, text in found if holds]
