"""Links that let in whoever has their code, for some days and so many people."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from core.errors import Conflict, NotFound
from groups import codes, selectors
from groups.errors import LinkExpired, LinkUsedUp, TooManyLinks
from groups.models import Group, InviteLink, Membership
from groups.services.joining import let_in
from groups.services.notices import note, tell_of_newcomer
from groups.services.permissions import require_leader


def make_link(*, maker: User, group_id: UUID, days: int, uses: int) -> tuple[InviteLink, str]:
    """A link, and its code, which is kept nowhere. Raises NotFound, Forbidden, TooManyLinks.

    Links that have run out go. Counted after the insert: of racing callers at the limit some may be
    refused, but none gets past it.
    """
    group = require_leader(maker, group_id).group
    InviteLink.objects.filter(group=group).exclude(pk__in=list(_open_ids(group))).delete()
    code, expires = codes.new_code(), timezone.now() + timedelta(days=days)
    link = InviteLink.objects.create(
        group=group, creator=maker, digest=codes.digest(code), uses_left=uses, expires=expires
    )
    most = settings.LINKS_PER_GROUP_MAX
    if len(_open_ids(group)) > most:
        link.delete()
        raise TooManyLinks(
            f"This group has {most} links, which is the most there may be. Withdraw one first."
        )
    note("link_made", group, by=maker, days=days, uses=uses)
    return link, code


def _open_ids(group: Group) -> set[UUID]:
    return set(selectors.links_of(group.pk).order_by().values_list("pk", flat=True))


def withdraw_link(*, leader: User, group_id: UUID, link_id: UUID) -> None:
    """Its code is good for nothing from now on. Raises NotFound, Forbidden."""
    require_leader(leader, group_id)
    if not InviteLink.objects.filter(pk=link_id, group=group_id).delete()[0]:
        raise NotFound


def group_of_code(code: str) -> Group:
    """The group that the code leads to, with head count (`.members`), to be shown to who considers
    joining.

    Raises NotFound, LinkExpired, LinkUsedUp.
    """
    link = _link(code)
    if trouble := _trouble(link):
        raise trouble
    group = selectors.with_head_count(Group.objects.filter(pk=link.group_id)).first()
    if group is None:
        raise NotFound
    return group


def join_by_code(*, user: User, code: str) -> Membership:
    """Join; who is in the group already stays so, and takes no use from the link.

    Raises NotFound, LinkExpired, LinkUsedUp. Of two at the last use one comes in.
    """
    link = _link(code)
    if membership := selectors.membership(user, link.group_id):
        return membership
    entry = let_in(link.group, user, link.use)
    if entry is None and (membership := selectors.membership(user, link.group_id)):
        return membership  # he clicked twice, and took the last use himself
    if entry is None:
        raise _trouble(_link(code)) or Conflict()
    if entry.new:
        tell_of_newcomer(link.group, user)
    else:
        link.give_back()
    return entry.membership


def _link(code: str) -> InviteLink:
    link = InviteLink.objects.select_related("group").filter(digest=codes.digest(code)).first()
    if link is None:
        raise NotFound(
            "There is no group with this code. Perhaps it was withdrawn, or a letter is wrong."
        )
    return link


def _trouble(link: InviteLink) -> Conflict | None:
    if link.expires <= timezone.now():
        return LinkExpired()
    return None if link.uses_left else LinkUsedUp()
