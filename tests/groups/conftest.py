"""A group with all roles."""

import pytest

from accounts.models import Notification
from groups import services, signals
from groups.models import Invitation, Membership


def invite(inviter, group, name):
    """The open invitation of one person."""
    (answer,) = services.invite(inviter=inviter, group_id=group.pk, usernames=[name])
    assert answer.outcome == "invited"
    return Invitation.objects.get(pk=answer.invitation)


@pytest.fixture
def invitation(group, alice, carol):
    """Alice asks Carol into the group."""
    return invite(alice, group, "carol")


@pytest.fixture
def crew(group, alice, bob, carol, make_user):
    """Alice owns the group; Bob, Carol (a moderator) and Dora joined in this order."""
    Membership.objects.create(group=group, user=carol, role="moderator")
    Membership.objects.create(group=group, user=make_user("dora"))
    return group


@pytest.fixture
def roles():
    """roles(group): {"alice": "owner", …}"""
    return lambda group: dict(
        Membership.objects.filter(group=group).values_list("user__username", "role")
    )


@pytest.fixture
def notified():
    """notified(bob): the codes of their notifications in order, without "group_created"."""
    notes = Notification.objects.exclude(code="group_created").order_by("created")
    return lambda user: list(notes.filter(user=user).values_list("code", flat=True))


@pytest.fixture
def heard():
    """The signals that the apps above get, each as (name, whether the row still exists, facts)."""
    names = ("member_leaving", "member_left", "group_closing", "group_closed")
    log, receivers = [], {}
    for name in names:

        def receive(sender, signal, name=name, **facts):
            where = {"group": facts["group_id"]}
            if "user_id" in facts:
                where["user"] = facts["user_id"]
            log.append((name, Membership.objects.filter(**where).exists(), facts))

        receivers[name] = receive
        getattr(signals, name).connect(receive)
    yield log
    for name in names:
        getattr(signals, name).disconnect(receivers[name])
