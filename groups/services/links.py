"""Links with a code to join a group, for some days and a number of people."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from core import throttling
from core.errors import Conflict, Forbidden, NotFound
from groups import codes, selectors
from groups.errors import LinkExpired, LinkUsedUp, TooManyLinks, TooManyLinksToday
from groups.models import Group, InviteLink, Membership
from groups.services.invitation_answers import accept_if_invited
from groups.services.joining import RemovedMeanwhile, admit
from groups.services.notices import notify_of_new_member, record
from groups.services.permissions import require_leader, still_leads
from groups.services.removals import is_barred


def make_link(*, maker: User, group_id: UUID, days: int, uses: int) -> tuple[InviteLink, str]:
    """A new link and its code, which is stored nowhere.

    Raises NotFound, Forbidden, TooManyLinks, TooManyLinksToday. Links that have expired or are used
    up are deleted. The limit is checked again after the insert: of racing callers at the limit some
    may be refused in vain, but none gets past it.
    """
    group = require_leader(maker, group_id).group
    InviteLink.objects.filter(group=group).exclude(pk__in=list(_open_ids(group))).delete()
    most = settings.LINKS_PER_GROUP_MAX
    if len(_open_ids(group)) >= most:
        raise _too_many()
    throttling.spend("link", group.pk, TooManyLinksToday)
    code, expires = codes.new_code(), timezone.now() + timedelta(days=days)
    link = InviteLink.objects.create(
        group=group, creator=maker, digest=codes.digest(code), uses_left=uses, expires=expires
    )
    if len(_open_ids(group)) > most:
        link.delete()
        raise _too_many()
    if not still_leads(maker, group.pk):
        link.delete()
        raise Forbidden
    record("link_made", group, by=maker, days=days, uses=uses)
    return link, code


def _too_many() -> TooManyLinks:
    most = settings.LINKS_PER_GROUP_MAX
    return TooManyLinks(f"This group has {most} links, which is the maximum. Withdraw one first.")


def _open_ids(group: Group) -> set[UUID]:
    return set(selectors.links_of(group.pk).order_by().values_list("pk", flat=True))


def withdraw_link(*, leader: User, group_id: UUID, link_id: UUID) -> None:
    """Delete the link, so that its code no longer works. Raises NotFound, Forbidden."""
    require_leader(leader, group_id)
    if not InviteLink.objects.filter(pk=link_id, group=group_id).delete()[0]:
        raise NotFound


def group_of_code(code: str) -> Group:
    """The group of this code, with head count (`.members`), for a user who considers joining.

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
    """Join the group of this code. For a member nothing changes, and the link loses no use.

    A user who is invited joins by the invitation. Raises NotFound, LinkExpired, LinkUsedUp,
    Removed. Of two users at the last use one joins.
    """
    link = _link(code)
    if membership := selectors.membership(user, link.group_id):
        return membership
    if is_barred(link.group, user) and (membership := accept_if_invited(user, link.group_id)):
        return membership
    try:
        entry = admit(link.group, user, link.use, link=link)
    except RemovedMeanwhile:
        link.give_back()
        raise
    if entry is None:
        # The user may have clicked twice, and taken the last use with the first click.
        if membership := selectors.membership(user, link.group_id):
            return membership
        raise _trouble(_link(code)) or Conflict()
    if entry.new:
        notify_of_new_member(link.group, user)
    else:
        link.give_back()
    return entry.membership


def _link(code: str) -> InviteLink:
    link = InviteLink.objects.select_related("group").filter(digest=codes.digest(code)).first()
    if link is None:
        raise NotFound(
            "There is no group with this code. It may be mistyped, or the link was withdrawn."
        )
    return link


def _trouble(link: InviteLink) -> Conflict | None:
    """Why the link does not work; None if it works."""
    if link.expires <= timezone.now():
        return LinkExpired()
    if link.uses_left == 0:
        return LinkUsedUp()
    return None
