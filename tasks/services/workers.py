"""A worker says hello, and is checked again while it stays."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from accounts import selectors as account_selectors
from accounts.models import User
from accounts.selectors import Bearer
from firmlight_client import kinds, protocol
from groups import selectors as group_selectors
from tasks.models import Worker


@dataclass(frozen=True)
class Enrolled:
    """What a connection needs to know of its worker. `wanted`: groups it serves by its own word; empty: all."""

    id: str
    owner: str
    name: str
    slots: int
    wanted: tuple[str, ...]
    groups: dict[str, str]  # id -> name


def enrol(user: User, hello: protocol.Hello) -> Enrolled:
    """Find or make the worker of this owner and name."""
    facts = {
        "slots": hello.slots,
        "platform": hello.platform,
        "client_version": hello.client_version,
        "last_seen": timezone.now(),
    }
    worker, _ = Worker.objects.update_or_create(owner=user, name=hello.name, defaults=facts)
    wanted = tuple(hello.groups)
    return Enrolled(str(worker.pk), str(user.pk), worker.name, hello.slots, wanted, served_groups(user, wanted))


def served_groups(user: User, wanted: tuple[str, ...]) -> dict[str, str]:
    """{id: name} of the user's groups, only those wanted by id or name if any are."""
    every = {str(group.pk): group.name for group in group_selectors.groups_of(user)}
    keys = {name.casefold() for name in wanted}
    return {pk: name for pk, name in every.items() if not keys or pk in keys or name.casefold() in keys}


def check(bearer: Bearer, worker: Enrolled) -> dict[str, str] | None:
    """The groups the worker serves now; None if its token is no longer valid."""
    if not account_selectors.still_valid(bearer):
        return None
    Worker.objects.filter(pk=worker.id).update(last_seen=timezone.now())
    return served_groups(bearer.user, worker.wanted)


def match_kinds(offered: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """(["NAME@version"] that both sides have alike, {name: the server's version or ""} of the others)."""
    ours = {name: kind.version for name, kind in kinds.installed().items()}
    same = [f"{name}@{version}" for name, version in offered.items() if ours.get(name) == version]
    refused = {name: ours.get(name, "") for name, version in offered.items() if ours.get(name) != version}
    return same, refused
