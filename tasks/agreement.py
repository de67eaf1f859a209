"""What a worker's owner agreed to, group by group, and where it rests now. Who is leased what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from firmlight_client import kinds
from firmlight_client.protocol import ALL_GROUPS, Consent
from tasks.models import Worker

EVERYTHING = Consent()


@dataclass
class Agreement:
    """`consent` as hello brought it; `kinds` are the ["NAME@version"] that both sides have alike."""

    consent: Mapping[str, Consent] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    resting: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {name.casefold(): name for name in self.consent}

    def key(self, group: str, name: str) -> str:
        """Under which key of `consent` and `resting` this group falls."""
        return self.keys.get(group.casefold()) or self.keys.get(name.casefold()) or ALL_GROUPS

    def of(self, group: str, name: str) -> Consent:
        return self.consent.get(self.key(group, name), EVERYTHING)

    def why_resting(self, group: str, name: str) -> str:
        """Why the worker takes nothing of this group now; "" if it does."""
        return self.resting.get(self.key(group, name), "")

    def kinds_for(self, group: str, name: str) -> list[str]:
        """What may be leased to it from this group, were it at work."""
        agreed = self.of(group, name)
        return [] if agreed.slots == 0 else [kind for kind in self.kinds if allows(agreed, kind.partition("@")[0])]

    def slots_for(self, group: str, name: str, slots: int) -> int:
        agreed = self.of(group, name).slots
        return slots if agreed is None else min(slots, agreed)


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


def of_worker(worker: Worker, group: str, name: str) -> Consent:
    """What its owner agreed to for this group when it said hello last."""
    return Agreement(restored(worker.consent)).of(group, name)


def words(consent: Consent) -> list[str]:
    """What is not agreed to, for people: ["only MEAN", "no network"]."""
    found = [
        (consent.kinds is not None, "only " + (", ".join(consent.kinds or []) or "nothing")),
        (consent.slots is not None, f"at most {consent.slots} at a time"),
        (consent.subtask_seconds_max is not None, f"subtasks of at most {consent.subtask_seconds_max or 0:g} s"),
        (bool(consent.hours), "at " + ", ".join(consent.hours)),
        (consent.network == "none", "no network"),
        (bool(consent.hosts), "only " + ", ".join(consent.hosts)),
        (consent.idle_only, "only while nobody uses it"),
    ]
    return [text for holds, text in found if holds]
