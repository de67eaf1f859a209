"""A program without a browser is let in by somebody who has one (RFC 8628, the device authorization
grant).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit, notifications, tokens
from accounts.errors import AuthorizationPending, DeviceDenied, DeviceExpired, NoSuchCode, SlowDown
from accounts.models import (
    CONFIRMED,
    DENIED,
    INFO,
    PENDING,
    TAKEN,
    USER,
    USER_CODE_LENGTH,
    USER_CODE_LETTERS,
    DeviceRequest,
    User,
    WorkerToken,
)
from accounts.services.sessions import device_name, open_session
from accounts.services.worker_tokens import create_worker_token
from core import batches

TRIES = 5


@dataclass(frozen=True)
class LetIn:
    """What the program gets. `pair` is None where it may only work."""

    user: User
    pair: tokens.Pair | None
    worker: WorkerToken
    worker_text: str


def ask_to_be_let_in(
    *, name: str, scope: str, agent: str = "", address: str = ""
) -> tuple[DeviceRequest, str]:
    """A request and its device code, which is kept nowhere; good for DEVICE_MINUTES."""
    code = secrets.token_urlsafe(32)
    facts = {"name": name, "scope": scope, "agent": device_name(agent), "address": address}
    expires = timezone.now() + timedelta(minutes=settings.DEVICE_MINUTES)
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                made = DeviceRequest.objects.create(
                    digest=tokens.digest(code), user_code=_new_user_code(), expires=expires, **facts
                )
        except IntegrityError:  # somebody waits with this user code
            continue
        return made, code
    raise RuntimeError("no user code is free")


def _new_user_code() -> str:
    return "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))


def waiting(code: str) -> DeviceRequest:
    """The request that waits with this user code, however it was typed. Raises NoSuchCode."""
    letters = "".join(letter for letter in code.upper() if letter.isalpha())
    found = DeviceRequest.objects.filter(
        user_code=letters, status=PENDING, expires__gt=timezone.now()
    ).first()
    if found is None:
        raise NoSuchCode
    return found


def let_in(*, user: User, code: str) -> DeviceRequest:
    """Say yes. Raises NoSuchCode if somebody has answered meanwhile."""
    found = _answer(user, code, CONFIRMED)
    audit.record(
        "device_confirmed",
        actor=user,
        target=user,
        address=found.address,
        name=found.name,
        scope=found.scope,
    )
    text = f"{found.name} may now {'act and work' if found.scope == USER else 'work'} for you."
    notifications.notify([user.pk], code="device_confirmed", level=INFO, text=text)
    return found


def turn_away(*, user: User, code: str) -> DeviceRequest:
    """Say no. Raises NoSuchCode if somebody has answered meanwhile."""
    return _answer(user, code, DENIED)


def _answer(user: User, code: str, status: str) -> DeviceRequest:
    """Of two answers at once one counts."""
    found = waiting(code)
    if not DeviceRequest.objects.filter(pk=found.pk, status=PENDING).update(
        status=status, user=user
    ):
        raise NoSuchCode
    return found


def take(device_code: str) -> LetIn:
    """What was granted, once.

    Raises AuthorizationPending and SlowDown (ask again), DeviceDenied and DeviceExpired (do not),
    TooManyTokens.
    """
    digest = tokens.digest(device_code)
    if not cache.add(
        f"device-{digest}", 1, timeout=settings.DEVICE_POLL_SECONDS * 0.8
    ):  # clocks and lines vary
        raise SlowDown
    found = (
        DeviceRequest.objects.filter(digest=digest, expires__gt=timezone.now())
        .select_related("user")
        .first()
    )
    _check(found)
    assert found and found.user
    if not DeviceRequest.objects.filter(pk=found.pk, status=CONFIRMED).update(status=TAKEN):
        raise DeviceExpired
    worker, text = create_worker_token(owner=found.user, name=found.name)
    pair = open_session(found.user, found.agent) if found.scope == USER else None
    return LetIn(found.user, pair, worker, text)


def _check(found: DeviceRequest | None) -> None:
    if found is None or found.status == TAKEN:
        raise DeviceExpired
    if found.status == DENIED or (found.user and not found.user.is_active):
        raise DeviceDenied
    if found.status == PENDING:
        raise AuthorizationPending


def purge_device_requests() -> int:
    """Delete those that have expired. Return how many."""
    return batches.delete_in_batches(DeviceRequest.objects.filter(expires__lt=timezone.now()))
