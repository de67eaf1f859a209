"""What groups delete when it expired long ago."""

from datetime import timedelta

import pytest
from django.utils import timezone

from groups import services, states
from groups.jobs import purge
from groups.models import Invitation, InviteLink, JoinRequest


@pytest.fixture
def ways_in(group, alice, carol, make_user):
    """One open invitation, one open link and one open request to join; returns their models."""
    group.joining = states.BY_ASKING
    group.save()
    services.invite(inviter=alice, group_id=group.pk, usernames=["carol"])
    services.make_link(maker=alice, group_id=group.pk, days=1, uses=1)
    services.ask_to_join(user=make_user("dora"), group_id=group.pk)
    return (Invitation, InviteLink, JoinRequest)


def expire(models, days):
    for model in models:
        model.objects.update(expires=timezone.now() - timedelta(days=days))


def test_what_expired_long_ago_is_purged(ways_in, settings):
    settings.RETENTION_DAYS = 30
    expire(ways_in, days=30.1)
    purge()
    assert [model.objects.count() for model in ways_in] == [0, 0, 0]


def test_what_expired_lately_stays(ways_in, settings):
    settings.RETENTION_DAYS = 30
    expire(ways_in, days=29.9)
    purge()
    assert [model.objects.count() for model in ways_in] == [1, 1, 1]
