"""People of the staff, with real browser sessions, and a system full of rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group as Role
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, Notification, Session, User, WorkerToken
from firmlight.admin_site.roles import MODERATORS
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership
from tasks.models import Contribution, Standing, SubtaskFailure, Task, Worker
from tests.tasks.conftest import laptop, lease, split, submit, work  # noqa: F401  fixtures

ROWS = 200


@pytest.fixture
def moderator(make_user: Callable[[str], User]) -> User:
    user = make_user("mona")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Role.objects.get(name=MODERATORS))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def superuser(make_user: Callable[[str], User]) -> User:
    user = make_user("root")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def records() -> Callable[[], list[tuple[str, str, str]]]:
    """records(): (who, what, whom) of the audit log, the oldest first."""
    fields = ("actor_name", "action", "target_label")
    return lambda: list(AuditEntry.objects.order_by("created").values_list(*fields))


@pytest.fixture
def crowd(alice: User, bob: User, group: Group, moderator: User) -> dict[str, object]:
    """ROWS rows of everything that belong to one user, one group, one task and one worker each:
    {model label: row}.
    """
    now = timezone.now()
    people = User.objects.bulk_create(
        User(username=f"user{i}", username_key=f"user{i}", email=f"user{i}@example.org")
        for i in range(ROWS)
    )
    Membership.objects.bulk_create(
        Membership(group=group, user=user, owner_key=str(user.pk)) for user in people
    )
    groups = Group.objects.bulk_create(
        Group(name=f"Group {i}", name_key=f"group {i}") for i in range(ROWS)
    )
    Membership.objects.bulk_create(
        Membership(group=one, user=alice, owner_key=str(one.pk)) for one in groups
    )
    Invitation.objects.bulk_create(
        Invitation(group=one, invitee=bob, inviter=alice, pending_key=f"{one.pk}") for one in groups
    )
    Invitation.objects.bulk_create(
        Invitation(group=group, invitee=user, inviter=alice, pending_key=f"{user.pk}")
        for user in people
    )
    expires = now + timedelta(days=1)
    JoinRequest.objects.bulk_create(
        JoinRequest(group=one, user=bob, pending_key=f"{one.pk}") for one in groups
    )
    InviteLink.objects.bulk_create(
        InviteLink(group=group, creator=alice, digest=str(i), uses_left=1, expires=expires)
        for i in range(ROWS)
    )
    Session.objects.bulk_create(
        Session(user=alice, jti=str(i), expires=expires) for i in range(ROWS)
    )
    WorkerToken.objects.bulk_create(
        WorkerToken(owner=alice, name="x", digest=str(i)) for i in range(ROWS)
    )
    Standing.objects.bulk_create(
        Standing(group=group, owner=user, kind="MEAN", version="1") for user in people
    )
    Notification.objects.bulk_create(
        Notification(user=alice, code="x", text=str(i)) for i in range(ROWS)
    )
    workers = Worker.objects.bulk_create(
        Worker(owner=alice, name=f"worker {i}") for i in range(ROWS)
    )
    facts = {
        "group": group,
        "kind": "ECHO",
        "kind_version": "1",
        "creator": bob,
        "status": "failed",
        "finished": now,
    }
    tasks = Task.objects.bulk_create(Task(**facts, title=f"Task {i}") for i in range(ROWS))
    Contribution.objects.bulk_create(
        Contribution(task=tasks[0], worker=worker) for worker in workers
    )
    Contribution.objects.bulk_create(
        Contribution(task=task, worker=workers[0]) for task in tasks[1:]
    )
    SubtaskFailure.objects.bulk_create(
        SubtaskFailure(task=tasks[0], number=i, subtask=i, worker=workers[i], error="X", at=now)
        for i in range(ROWS)
    )
    for user in people[:20]:
        audit.record("user_blocked", actor=moderator, target=user, address="127.0.0.1")
    return {
        "accounts.User": alice,
        "groups.Group": group,
        "tasks.Task": tasks[0],
        "tasks.Worker": workers[0],
    }
