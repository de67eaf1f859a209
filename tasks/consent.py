"""What a worker's owner agreed to, group by group, and where the worker rests now.

Which work a worker is leased follows from it. Groups are ids here: a name is looked up when the
worker says hello, and from then on that group is meant. While a rule fits no group of the owner's,
groups without a rule of their own get nothing: the rule may be meant for one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from firmlight_client import group_names, kinds
from firmlight_client.protocol import ALL_GROUPS, RULE_FITS_NO_GROUP, Consent
from tasks import kind_keys
from tasks.models import Worker

EVERYTHING = Consent()
NOTHING = Consent(kinds=[], slots=0)


@dataclass
class Agreement:
    """What one worker takes of each group: its owner's rules, and where it rests now.

    `consent` are the rules by group and `resting` why it rests, both keyed as by `by_id`. `kinds`
    are the ["NAME@version"] that the worker and the server have alike. `has_unfit_rule`: a rule
    fits no group of the owner's.
    """

    consent: Mapping[str, Consent] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    resting: Mapping[str, str] = field(default_factory=dict)
    has_unfit_rule: bool = False

    def key_of(self, group: str) -> str:
        """Return the key of `consent` and `resting` that counts for this group."""
        return group if group in self.consent else ALL_GROUPS

    def rules_for(self, group: str) -> Consent:
        """Return what the owner agreed to for this group."""
        return self.consent.get(self.key_of(group), EVERYTHING)

    def why_resting(self, group: str) -> str:
        """Return why the worker takes nothing of this group now; "" if it does."""
        key = self.key_of(group)
        if key == ALL_GROUPS and self.has_unfit_rule:
            return RULE_FITS_NO_GROUP
        return self.resting.get(key, "")

    def kinds_for(self, group: str) -> list[str]:
        """Return what may be leased to it from this group while it does not rest."""
        rules = self.rules_for(group)
        if rules.slots == 0:
            return []
        return [kind for kind in self.kinds if allows(rules, kind_keys.name_in(kind))]

    def slots_for(self, group: str, slots: int) -> int:
        """Return how many of its slots work for this group at a time."""
        agreed = self.rules_for(group).slots
        return slots if agreed is None else min(slots, agreed)


def by_id(consent: Mapping[str, Consent], owned: Mapping[str, str]) -> dict[str, Consent]:
    """Return the rules of a hello, keyed by the ids of groups.

    `owned` {id: name} are the groups of the owner; what fits none of them keeps its key. Two rules
    for one group cannot both be meant: that group gets nothing.
    """
    found: dict[str, Consent] = {}
    for written, rules in consent.items():
        key = group_key(written, owned)
        found[key] = NOTHING if key in found else rules
    return found


def group_key(written: str, owned: Mapping[str, str]) -> str:
    """Return the id of the group among `owned` {id: name} that is meant.

    ALL_GROUPS, and what fits no group, stays as it was written.
    """
    if written == ALL_GROUPS:
        return written
    return group_names.find(written, owned) or group_names.as_id(written) or written


def unfit(keys: Iterable[str], owned: Mapping[str, str]) -> frozenset[str]:
    """Return those of these keys that mean none of the groups `owned` {id: name}."""
    return frozenset(key for key in keys if key != ALL_GROUPS and not group_names.find(key, owned))


def allows(consent: Consent, kind: str) -> bool:
    """Whether work of this kind is agreed to."""
    known = kinds.installed().get(kind)
    if known and known.network == "public" and consent.network == "none":
        return False
    return consent.kinds is None or kinds.agreed_as(kind) in consent.kinds


def stored(consent: Mapping[str, Consent]) -> dict[str, Any]:
    """Return the rules as the database keeps them: only what differs from EVERYTHING."""
    return {name: msgspec.to_builtins(rules) for name, rules in consent.items()}


def stored_bytes(consent: Mapping[str, Consent]) -> int:
    """Return how long the rules are as JSON, in bytes of UTF-8."""
    return len(msgspec.json.encode(consent))


def restored(rows: Mapping[str, Any]) -> dict[str, Consent]:
    """Return the rules that the database keeps; what cannot be read counts as EVERYTHING."""
    try:
        return msgspec.convert(rows, dict[str, Consent])
    except msgspec.ValidationError:
        return {}


def of_worker(worker: Worker, group: str) -> Consent:
    """Return what its owner agreed to for the group of this id, as of its last hello."""
    return Agreement(restored(worker.consent)).rules_for(group)


def names_unfit(worker: Worker, owned: Mapping[str, str]) -> list[str]:
    """Return the rules that fit none of `owned` {id: name}, as their owner calls the groups."""
    consent = restored(worker.consent)
    return sorted(consent[key].written or key for key in unfit(consent, owned))


def words(consent: Consent) -> list[str]:
    """Return what is not agreed to, for people: ["only MEAN", "no network"]."""
    found = []
    if consent.kinds is not None:
        found.append("only " + (", ".join(consent.kinds) or "nothing"))
    if consent.slots is not None:
        found.append(f"at most {consent.slots} at a time")
    if consent.subtask_seconds_max is not None:
        found.append(f"subtasks of at most {consent.subtask_seconds_max:g} s")
    if consent.hours:
        found.append("at " + ", ".join(consent.hours))
    if consent.network == "none":
        found.append("no network")
    if consent.hosts:
        found.append("only " + ", ".join(consent.hosts))
    if consent.idle_only:
        found.append("only while nobody uses it")
    return found
