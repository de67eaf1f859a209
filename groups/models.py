"""Groups, who is in them, and who is asked to be."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import User, uuid_key
from groups import states

NAME_MIN, NAME_MAX, DESCRIPTION_MAX = 3, 30, 120


def tidy_name(name: str) -> str:
    """A group's name as it is kept: composed (NFKC), single spaces, none at the ends."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def name_key(name: str) -> str:
    """The form in which group names are compared. It may be up to three times as long as the name."""
    return tidy_name(name).casefold()


def pending_key(group_id: UUID, invitee_id: UUID) -> str:
    """What only one open invitation can have."""
    return f"{group_id}:{invitee_id}"


class Group(models.Model):
    """People who pool their computers. Its name is unique in the system, so `--group NAME` is never in doubt."""

    id = uuid_key()
    name = models.CharField(max_length=NAME_MAX)
    name_key = models.CharField(max_length=3 * NAME_MAX, unique=True, editable=False)
    description = models.CharField(max_length=DESCRIPTION_MAX, blank=True)
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
    """One person in one group. A group has one owner."""

    id = uuid_key()
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=9, choices=[(r, r) for r in states.ROLES], default=states.MEMBER)
    joined = models.DateTimeField(default=timezone.now, editable=False)
    starred = models.BooleanField(default=False)

    class Meta:
        ordering = ("joined", "id")
        constraints = (models.UniqueConstraint(fields=["group", "user"], name="membership_group_user"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.group}"

    @property
    def leads(self) -> bool:
        """Owner or moderator."""
        return self.role in states.LEADERS


def invitation_end() -> datetime:
    return timezone.now() + timedelta(days=settings.INVITATION_DAYS)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        return self.filter(status=states.PENDING, expires__gt=timezone.now())

    def overdue(self) -> InvitationQuerySet:
        return self.filter(status=states.PENDING, expires__lte=timezone.now())


class Invitation(models.Model):
    """One person asked into one group, open until it is answered or expires.

    `pending_key` is unique and never null (MongoDB takes null for a value like any other): "group:invitee" while
    it is pending, "closed:id" afterwards. So there is one open invitation for a person and group at most.
    """

    id = uuid_key()
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="invitations")
    invitee = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    inviter = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="invitations_sent")
    status = models.CharField(
        max_length=8, choices=[(s, s) for s in states.INVITATION_STATES], default=states.PENDING, editable=False
    )
    pending_key = models.CharField(max_length=80, unique=True, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    expires = models.DateTimeField(default=invitation_end)
    answered = models.DateTimeField(null=True, blank=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-created", "id")

    def __str__(self) -> str:
        return f"{self.invitee} to {self.group}: {self.status}"

    def close(self, status: str) -> bool:
        """Move it from pending to `status`; False if somebody else closed it first (one conditional UPDATE).

        An overdue one can only become expired, and one that is not overdue never.
        """
        rows = Invitation.objects.filter(pk=self.pk)
        rows = rows.overdue() if status == states.EXPIRED else rows.open()
        return rows.update(status=status, pending_key=f"closed:{self.pk}", answered=timezone.now()) == 1
