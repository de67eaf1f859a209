"""How long invitations, requests to join and links are kept after they expired."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from core.batches import delete_in_batches
from groups.models import Invitation, InviteLink, JoinRequest


def purge_ways_in() -> int:
    """Delete invitations, requests and links that expired RETENTION_DAYS ago. Return how many.

    By then each of them is closed, whatever was answered: an answer after `expires` is refused.
    Until then a person who follows an old link still reads that it has expired.
    """
    before = timezone.now() - timedelta(days=settings.RETENTION_DAYS)
    return sum(
        delete_in_batches(model.objects.filter(expires__lt=before))
        for model in (Invitation, JoinRequest, InviteLink)
    )
