"""Worker tokens: what a machine shows instead of a password."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts import audit, selectors, tokens
from accounts.errors import BadToken, TooManyTokens, TooManyTokensToday
from accounts.models import User, WorkerToken
from accounts.signals import access_ended
from core import quotas, throttling
from core.batches import delete_in_batches
from core.errors import NotFound


def create_worker_token(*, owner: User, name: str) -> tuple[WorkerToken, str]:
    """A new worker token and its text, which is stored nowhere.

    Raises TooManyTokens, TooManyTokensToday, BadToken if all access of the owner has just ended.
    """
    mine, most = selectors.worker_tokens_of(owner), settings.WORKER_TOKENS_PER_USER_MAX
    if quotas.is_full(mine, most):
        raise _too_many()
    throttling.spend("worker_token", owner.pk, TooManyTokensToday)
    text = tokens.new_worker_token()
    row = WorkerToken.objects.create(owner=owner, name=name, digest=tokens.digest(text))
    if quotas.is_over(mine, most):
        row.delete()
        raise _too_many()
    if not selectors.is_current(owner):
        row.delete()
        raise BadToken
    return row, text


def _too_many() -> TooManyTokens:
    most = settings.WORKER_TOKENS_PER_USER_MAX
    return TooManyTokens(f"You have {most} worker tokens, which is the maximum. Delete one first.")


def purge_worker_tokens() -> int:
    """Delete those that were revoked REFRESH_TOKEN_DAYS ago. Return how many."""
    before = timezone.now() - timedelta(days=settings.REFRESH_TOKEN_DAYS)
    return delete_in_batches(WorkerToken.objects.filter(revoked__lt=before))


def end_worker_token(text: str) -> None:
    """End the token with this text; nothing happens if it has ended already."""
    row = WorkerToken.objects.filter(digest=tokens.digest(text)).first()
    if row is not None and WorkerToken.objects.filter(pk=row.pk).revoke():
        access_ended.send_robust(User, user_id=row.owner_id)


def revoke_worker_token(*, owner: User, token_id: UUID) -> None:
    """End a token and close its sockets. Raises NotFound unless it is the owner's and valid."""
    if not WorkerToken.objects.filter(pk=token_id, owner=owner).revoke():
        raise NotFound
    access_ended.send_robust(User, user_id=owner.pk)


def revoke_all_but(owners: Iterable[User], keep: Collection[UUID]) -> None:
    """End the worker tokens of these users, except those in `keep`: others may have made them."""
    for owner in owners:
        if ended := WorkerToken.objects.filter(owner=owner).exclude(pk__in=list(keep)).revoke():
            audit.record("worker_tokens_revoked", actor=None, target=owner, tokens=ended)
            access_ended.send_robust(User, user_id=owner.pk)
