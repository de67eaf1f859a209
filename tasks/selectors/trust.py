"""How far owners' results are believed: their standing in groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from firmlight_client import kinds
from groups import selectors as group_selectors
from tasks.models import Standing
from tasks.queue.keys import Id
from tasks.standing import NEWCOMER


def agreements(group: Id, kind: str, version: str, owners: Collection[Id]) -> dict[str, int]:
    """{owner: agreements in a row} of these owners, 0 for those of whom nothing is known."""
    found = {str(owner): NEWCOMER for owner in owners}
    rows = Standing.objects.filter(group=group, kind=kind, version=version, owner__in=found)
    known = rows.order_by().values_list("owner_id", "agreements")
    return found | {str(owner): number for owner, number in known}


def of_member(group: UUID, user: UUID) -> QuerySet[Standing]:
    """All standings of this member in the group. The caller checks who may see them."""
    return Standing.objects.filter(group=group, owner=user)


def of_members(group: UUID, users: Iterable[UUID]) -> dict[UUID, list[Standing]]:
    """{user: their standings} in the group, for the kinds that are installed now; one query."""
    rows = Standing.objects.filter(group=group, owner__in=list(users))
    found: dict[UUID, list[Standing]] = {}
    for row in _current(rows):
        found.setdefault(row.owner_id, []).append(row)
    return found


def of_owners(owners: Collection[UUID]) -> dict[UUID, list[Standing]]:
    """{owner: their standings}, with the groups, in those that they are in now; two queries."""
    if not owners:
        return {}
    memberships = group_selectors.memberships_of(owners)
    found: dict[UUID, list[Standing]] = {}
    for row in Standing.objects.filter(owner__in=list(owners)).select_related("group"):
        if (row.group_id, row.owner_id) in memberships:
            found.setdefault(row.owner_id, []).append(row)
    return found


def of_user(user: User) -> list[Standing]:
    """The user's standings in their groups, by group, for the kinds that are installed now."""
    mine = of_owners([user.pk]).get(user.pk, [])
    return sorted(_current(mine), key=lambda row: (row.group.name_key, row.kind))


def _current(rows: Iterable[Standing]) -> list[Standing]:
    """Those of the versions that are installed: of earlier ones no results come."""
    versions = {name: kind.version for name, kind in kinds.installed().items()}
    return [row for row in rows if versions.get(row.kind) == row.version]
