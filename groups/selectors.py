"""Reads: what this user may see of groups."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, QuerySet

from accounts.models import User
from firmlight.errors import NotFound
from groups.models import Group, Invitation, Membership, name_key


def membership(user: User, group_id: UUID) -> Membership | None:
    """The user's membership with its group; None for a stranger or if there is no such group. One query."""
    return Membership.objects.select_related("group").filter(user=user, group=group_id).first()


def membership_or_not_found(user: User, group_id: UUID) -> Membership:
    """As `membership`. Raises NotFound: a stranger is not told that the group exists."""
    found = membership(user, group_id)
    if found is None:
        raise NotFound
    return found


def member_or_not_found(group_id: UUID, user_id: UUID) -> Membership:
    """This member of the group. Raises NotFound. Whether the caller may know is for him to check."""
    found = members_of(group_id).filter(user=user_id).first()
    if found is None:
        raise NotFound
    return found


def find_membership(user: User, id_or_name: str) -> Membership | None:
    """The user's membership in the group of this id or, without regard to case, of this name. One query."""
    mine = Membership.objects.select_related("group").filter(user=user)
    try:
        return mine.filter(group=UUID(id_or_name)).first()
    except ValueError:
        return mine.filter(group__name_key=name_key(id_or_name)).first()


def may_submit(user: User, group_id: UUID) -> bool:
    """Whether the user may submit tasks to this group: every member may."""
    return Membership.objects.filter(user=user, group=group_id).exists()


def groups_of(user: User) -> QuerySet[Group]:
    """The groups the user is in, by name."""
    return Group.objects.filter(pk__in=Membership.objects.filter(user=user).values("group_id"))


def group_ids_of(user_id: UUID) -> set[UUID]:
    """The ids of the groups the user is in. One query on one table."""
    return set(Membership.objects.filter(user=user_id).order_by().values_list("group_id", flat=True))


def group_cards(user: User) -> QuerySet[Membership]:
    """The user's memberships with group and head count (`.members`), starred ones first, then by name."""
    mine = Membership.objects.filter(user=user).select_related("group")
    return mine.annotate(members=Count("group__memberships")).order_by("-starred", "group__name_key")


def members_of(group_id: UUID) -> QuerySet[Membership]:
    """Everyone in the group, those longest in it first. Whether the caller may know is for him to check."""
    return Membership.objects.filter(group=group_id).select_related("user")


def open_invitations_of(user: User) -> QuerySet[Invitation]:
    """What the user can answer now."""
    return Invitation.objects.open().filter(invitee=user).select_related("group", "inviter", "invitee")


def open_invitations_to(group_id: UUID) -> QuerySet[Invitation]:
    """Who has been asked into the group and has not answered yet."""
    return Invitation.objects.open().filter(group=group_id).select_related("group", "inviter", "invitee")


def is_taken(key: str, but: UUID | None = None) -> bool:
    """Whether a group (another one than `but`) has a name of this `name_key`."""
    others = Group.objects.exclude(pk=but) if but else Group.objects.all()
    return others.filter(name_key=key).exists()
