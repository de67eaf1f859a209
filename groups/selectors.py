"""Reads: groups, members, invitations, join requests and links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import User
from core.errors import NotFound
from groups import states
from groups.models import (
    Group,
    Invitation,
    InviteLink,
    JoinRequest,
    Membership,
    Removal,
    name_key,
)


def membership(user: User, group_id: UUID) -> Membership | None:
    """The user's membership with its group; None for a stranger. One query."""
    return Membership.objects.select_related("group").filter(user=user, group=group_id).first()


def membership_or_not_found(user: User, group_id: UUID) -> Membership:
    """As `membership`. Raises NotFound, so that a stranger cannot tell whether the group exists."""
    found = membership(user, group_id)
    if found is None:
        raise NotFound
    return found


def member_or_not_found(group_id: UUID, user_id: UUID) -> Membership:
    """This member of the group. Raises NotFound. The caller checks who may see it."""
    found = members_of(group_id).filter(user=user_id).first()
    if found is None:
        raise NotFound
    return found


def find_membership(user: User, id_or_name: str) -> Membership | None:
    """The user's membership in the group with this id or, in any case, this name. One query."""
    mine = Membership.objects.select_related("group").filter(user=user)
    try:
        return mine.filter(group=UUID(id_or_name)).first()
    except ValueError:
        return mine.filter(group__name_key=name_key(id_or_name)).first()


def may_submit(user: User, group_id: UUID) -> bool:
    """Whether the user may submit tasks to this group, by its setting or their exception."""
    found = membership(user, group_id)
    return bool(found and found.may_submit)


def groups_of(user: User) -> QuerySet[Group]:
    """The groups the user is in, by name."""
    return Group.objects.filter(pk__in=Membership.objects.filter(user=user).values("group_id"))


def group_ids_of(user_id: UUID) -> set[UUID]:
    """The ids of the groups the user is in. One query on one table."""
    mine = Membership.objects.filter(user=user_id).order_by()
    return set(mine.values_list("group_id", flat=True))


def memberships_of(users: Iterable[UUID]) -> set[tuple[UUID, UUID]]:
    """(group, user) of every group that these users are in. One query on one table."""
    found = Membership.objects.filter(user__in=list(users)).order_by()
    return set(found.values_list("group_id", "user_id"))


def group_cards(user: User, search: str = "") -> QuerySet[Membership]:
    """The user's memberships with group and head count (`.members`), starred ones first.

    Then by name. `search` is as in `matching`.
    """
    mine = matching(Membership.objects.filter(user=user).select_related("group"), search)
    return mine.annotate(members=_head_count("group_id")).order_by("-starred", "group__name_key")


def joinable_groups(user: User, search: str = "") -> QuerySet[Group]:
    """The groups that this user may ask to join, by name, with head count (`.members`)."""
    removed_from = Removal.objects.filter(user=user).order_by().values_list("group_id", flat=True)
    not_these = group_ids_of(user.pk) | set(removed_from)
    found = Group.objects.filter(joining=states.BY_ASKING).exclude(pk__in=not_these)
    return with_head_count(matching(found, search)).order_by("name_key")


def matching(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Those groups, or memberships, whose group has `text` in name or description, in any case."""
    if not text:
        return rows
    path = "" if rows.model is Group else "group__"
    in_name = Q(**{f"{path}name_key__contains": name_key(text)})
    in_description = Q(**{f"{path}description__icontains": text})
    return rows.filter(in_name | in_description)


def with_head_count(groups: QuerySet[Group]) -> QuerySet[Group]:
    return groups.annotate(members=_head_count("pk"))


def _head_count(group: str) -> Coalesce:
    """The number of members of the group whose id is in this field.

    A subquery, so that the database counts for the rows of one page only, not for all rows.
    """
    others = Membership.objects.filter(group=OuterRef(group)).order_by().values("group")
    return Coalesce(Subquery(others.annotate(heads=Count("pk")).values("heads")), 0)


def members_of(group_id: UUID) -> QuerySet[Membership]:
    """The members of the group, the longest first. The caller checks who may see them."""
    return Membership.objects.filter(group=group_id).select_related("user", "group")


def names_of(group_id: UUID, users: Iterable[UUID]) -> dict[UUID, str]:
    """{user: name} of those users who are in the group. The caller checks who may see them."""
    members = Membership.objects.filter(group=group_id, user__in=list(users)).order_by()
    return dict(members.values_list("user_id", "user__username"))


def leader_ids(group_id: UUID) -> list[UUID]:
    """The user ids of the group's owner and moderators."""
    leaders = Membership.objects.filter(group=group_id, role__in=states.LEADERS).order_by()
    return list(leaders.values_list("user_id", flat=True))


def open_invitations_of(user: User) -> QuerySet[Invitation]:
    """The invitations that the user can answer, with the group's head count (`.members`)."""
    found = Invitation.objects.open().filter(invitee=user)
    return _with_head_count(found).select_related("group", "inviter", "invitee")


def open_invitations_to(group_id: UUID) -> QuerySet[Invitation]:
    """The open invitations to the group, as above."""
    found = Invitation.objects.open().filter(group=group_id)
    return _with_head_count(found).select_related("group", "inviter", "invitee")


def open_requests_of(user: User) -> QuerySet[JoinRequest]:
    """The user's open join requests, with the group's head count (`.members`)."""
    found = JoinRequest.objects.open().filter(user=user)
    return _with_head_count(found).select_related("group", "user")


def open_requests_to(group_id: UUID) -> QuerySet[JoinRequest]:
    """The open join requests to the group, as above."""
    found = JoinRequest.objects.open().filter(group=group_id)
    return _with_head_count(found).select_related("group", "user")


def _with_head_count(openings: QuerySet[Any]) -> QuerySet[Any]:
    return openings.annotate(members=_head_count("group_id")).order_by("-created", "id")


def links_of(group_id: UUID) -> QuerySet[InviteLink]:
    """The group's links that can still be used."""
    return InviteLink.objects.open().filter(group=group_id).select_related("creator")


def is_taken(key: str, but: UUID | None = None) -> bool:
    """Whether a group, other than `but`, has a name with this `name_key`."""
    groups = Group.objects.filter(name_key=key)
    if but is not None:
        groups = groups.exclude(pk=but)
    return groups.exists()
