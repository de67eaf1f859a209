"""Groups, memberships, and the ways to join: invitations, links, join requests."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User, uuid_key
from firmlight_client.text import as_seen
from groups import states

NAME_MIN, NAME_MAX, DESCRIPTION_MAX = 3, 30, 120


def tidy_name(name: str) -> str:
    """A group's name as it is stored: composed (NFKC), single spaces, none at the ends."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def name_key(name: str) -> str:
    """The form in which group names are compared, up to three times as long as the name.

    Two names that look the same have the same; `firmlight_client.group_names` agrees.
    """
    return tidy_name(as_seen(tidy_name(name))).casefold()


def pending_key(group_id: UUID, user_id: UUID) -> str:
    """A key that only one open invitation and one open request per person and group can have."""
    return f"{group_id}:{user_id}"


def choices(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class Group(models.Model):
    """People who pool their computers.

    The name is unique in the system, so `--group NAME` is never ambiguous.
    """

    id = uuid_key()
    name = models.CharField(max_length=NAME_MAX)
    name_key = models.CharField(max_length=3 * NAME_MAX, unique=True, editable=False)
    description = models.CharField(max_length=DESCRIPTION_MAX, blank=True)
    joining = models.CharField(
        max_length=7, choices=choices(states.JOINING), default=states.BY_INVITATION
    )
    submitting = models.CharField(
        max_length=7, choices=choices(states.SUBMITTING), default=states.MEMBERS_SUBMIT
    )
    verify_default = models.CharField(
        max_length=6, choices=choices(states.VERIFY_DEFAULTS), default=states.AS_TASK, blank=True
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name_key",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name, self.name_key = tidy_name(self.name), name_key(self.name)
        if "name" in (kwargs.get("update_fields") or ()):
            kwargs["update_fields"] = {*kwargs["update_fields"], "name_key"}
        super().save(*args, **kwargs)


class Membership(models.Model):
    """One user in one group. A group has one owner.

    `owner_key` is unique and never null: the group's id for its owner, an own value for every other
    member. So the database itself allows no second owner in any race. `submitting` is the member's
    exception from the group's setting. `joined_by_link` is the id of a link that may be gone.
    """

    id = uuid_key()
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=9, choices=choices(states.ROLES), default=states.MEMBER)
    owner_key = models.CharField(max_length=40, unique=True, editable=False)
    submitting = models.CharField(
        max_length=6, choices=choices(states.EXCEPTIONS), default=states.AS_GROUP
    )
    joined = models.DateTimeField(default=timezone.now, editable=False)
    joined_by_link = models.UUIDField(null=True, editable=False)
    starred = models.BooleanField(default=False)

    class Meta:
        ordering = ("joined", "id")
        constraints = (
            models.UniqueConstraint(fields=["group", "user"], name="membership_group_user"),
        )
        indexes = (models.Index(fields=["joined"], name="membership_joined"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.group}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.owner_key = self._owner_key(self.role)
        if "role" in (kwargs.get("update_fields") or ()):
            kwargs["update_fields"] = {*kwargs["update_fields"], "owner_key"}
        super().save(*args, **kwargs)

    def _owner_key(self, role: str) -> str:
        return str(self.group_id) if role == states.OWNER else f"not:{self.pk}"

    def move(self, start: str, finish: str) -> bool:
        """Change the role from `start` to `finish`.

        False if it is no longer `start`, or if the group would have two owners.
        """
        row = Membership.objects.filter(pk=self.pk, role=start)
        try:
            with transaction.atomic():
                return row.update(role=finish, owner_key=self._owner_key(finish)) == 1
        except IntegrityError:
            return False

    @property
    def leads(self) -> bool:
        """Owner or moderator."""
        return self.role in states.LEADERS

    @property
    def may_submit(self) -> bool:
        """Whether the member may submit tasks to the group, or only work. It reads `group`."""
        if self.leads or self.submitting == states.ALWAYS:
            return True
        return self.submitting == states.AS_GROUP and self.group.submitting == states.MEMBERS_SUBMIT


class Removal(models.Model):
    """A user who was removed from a group: until a leader lets them in again, no link does.

    There is at most one row per group and person, by its `key`. A row outlives the account without
    `user`; then its key is made of the name, see `groups.services.removals`.
    """

    id = uuid_key()
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="removals")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="removals")
    key = models.CharField(max_length=80, unique=True, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created", "id")

    def __str__(self) -> str:
        return f"{self.user or 'a deleted user'} out of {self.group}"


class OpeningQuerySet(models.QuerySet[Any]):
    def open(self) -> Self:
        return self.filter(status=states.PENDING, expires__gt=timezone.now())

    def overdue(self) -> Self:
        return self.filter(status=states.PENDING, expires__lte=timezone.now())


class Opening(models.Model):
    """The common part of invitations and join requests: open until answered, withdrawn or expired.

    `pending_key` is unique and never null, because to MongoDB null is a value like any other. It is
    "group:person" while the row is pending and "closed:id" afterwards. So there is at most one open
    row per person and group.
    """

    id = uuid_key()
    status = models.CharField(
        max_length=9,
        choices=choices(states.INVITATION_STATES),
        default=states.PENDING,
        editable=False,
    )
    pending_key = models.CharField(max_length=80, unique=True, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    answered = models.DateTimeField(null=True, blank=True, editable=False)
    expires: models.DateTimeField

    objects = OpeningQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ("-created", "id")
        indexes = (models.Index(fields=["-created"], name="%(class)s_created"),)

    def close(self, status: str) -> bool:
        """Move it from pending to `status`; False if another caller closed it first.

        One conditional UPDATE. An overdue row can only become expired, and only an overdue one can.
        """
        rows = type(self).objects.filter(pk=self.pk)
        rows = rows.overdue() if status == states.EXPIRED else rows.open()
        changed = rows.update(
            status=status, pending_key=f"closed:{self.pk}", answered=timezone.now()
        )
        return changed == 1


def invitation_end() -> datetime:
    return timezone.now() + timedelta(days=settings.INVITATION_DAYS)


def request_end() -> datetime:
    return timezone.now() + timedelta(days=settings.JOIN_REQUEST_DAYS)


class Invitation(Opening):
    """An invitation of one person to one group."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="invitations")
    invitee = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    inviter = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="invitations_sent"
    )
    expires = models.DateTimeField(default=invitation_end)

    def __str__(self) -> str:
        return f"{self.invitee} to {self.group}: {self.status}"


class JoinRequest(Opening):
    """The request of one person to join one group."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="join_requests")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="join_requests")
    expires = models.DateTimeField(default=request_end)

    def __str__(self) -> str:
        return f"{self.user} asks for {self.group}: {self.status}"


class InviteLinkQuerySet(models.QuerySet["InviteLink"]):
    def open(self) -> InviteLinkQuerySet:
        return self.filter(uses_left__gt=0, expires__gt=timezone.now())


class InviteLink(models.Model):
    """A link that anybody with its code may join by, until it is used up or expires.

    The code itself is stored nowhere.
    """

    id = uuid_key()
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="links")
    creator = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="invite_links"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    uses_left = models.PositiveIntegerField()
    created = models.DateTimeField(default=timezone.now, editable=False)
    expires = models.DateTimeField()

    objects = InviteLinkQuerySet.as_manager()

    class Meta:
        ordering = ("-created", "id")

    def __str__(self) -> str:
        return f"link to {self.group}, {self.uses_left} uses left"

    def use(self) -> bool:
        """Take one of its uses; False if none is left, or it has expired or is gone.

        Of two callers at the last use one wins.
        """
        usable = InviteLink.objects.open().filter(pk=self.pk)
        return usable.update(uses_left=F("uses_left") - 1) == 1

    def give_back(self) -> None:
        """Give back a use that made nobody a member."""
        InviteLink.objects.filter(pk=self.pk).update(uses_left=F("uses_left") + 1)
