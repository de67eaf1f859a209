"""Log in a program that has no browser: the device authorization grant (RFC 8628).

The program asks for a pair of codes and polls with the device code. A person types the user code
in a browser and approves or denies the request. The program then claims its tokens, once.
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
from accounts.errors import (
    AuthorizationPending,
    BadToken,
    DeviceDenied,
    DeviceExpired,
    NoSuchCode,
    SlowDown,
    TooManyTokens,
)
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
from core.errors import FirmlightError, TooMany

TRIES = 5
# Timers and networks are not exact: a program may poll a little earlier than the interval says.
POLL_TOLERANCE = 0.8


@dataclass(frozen=True)
class DeviceGrant:
    """What the program gets. `pair` is None if it may only work."""

    user: User
    pair: tokens.Pair | None
    worker: WorkerToken
    worker_text: str


def request_device_access(
    *, name: str, scope: str, agent: str = "", address: str = ""
) -> tuple[DeviceRequest, str]:
    """A new request, valid for DEVICE_MINUTES, and its device code, which is stored nowhere."""
    code = secrets.token_urlsafe(32)
    facts = {"name": name, "scope": scope, "agent": device_name(agent), "address": address}
    expires = timezone.now() + timedelta(minutes=settings.DEVICE_MINUTES)
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                made = DeviceRequest.objects.create(
                    digest=tokens.digest(code), user_code=_new_user_code(), expires=expires, **facts
                )
        except IntegrityError:  # another program waits with this user code
            continue
        return made, code
    raise RuntimeError("no user code is free")


def _new_user_code() -> str:
    return "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))


def pending_device_request(code: str) -> DeviceRequest:
    """The request that waits with this user code, however it was typed. Raises NoSuchCode."""
    letters = "".join(letter for letter in code.upper() if letter.isalpha())
    pending = DeviceRequest.objects.filter(status=PENDING, expires__gt=timezone.now())
    found = pending.filter(user_code=letters).first()
    if found is None:
        raise NoSuchCode
    return found


def approve_device(*, user: User, code: str) -> DeviceRequest:
    """Let the program work, or act and work, as this user.

    Raises NoSuchCode, also if somebody has answered meanwhile.
    """
    found = _answer(user, code, CONFIRMED)
    audit.record(
        "device_confirmed",
        actor=user,
        target=user,
        address=found.address,
        name=found.name,
        scope=found.scope,
    )
    rights = "act and work" if found.scope == USER else "work"
    text = f"{found.name} may now {rights} for you."
    notifications.notify([user.pk], code="device_confirmed", level=INFO, text=text)
    return found


def deny_device(*, user: User, code: str) -> DeviceRequest:
    """Refuse the program. Raises NoSuchCode, also if somebody has answered meanwhile."""
    return _answer(user, code, DENIED)


def _answer(user: User, code: str, status: str) -> DeviceRequest:
    """Move a pending request to `status`; of two racing answers only one counts."""
    found = pending_device_request(code)
    pending = DeviceRequest.objects.filter(pk=found.pk, status=PENDING)
    if not pending.update(status=status, user=user, stamp=user.stamp):
        raise NoSuchCode
    return found


def claim_device_tokens(device_code: str) -> DeviceGrant:
    """The tokens of an approved request, given out once.

    An approval does not outlive a new password, or a log-out everywhere, of the user who gave it.
    Raises AuthorizationPending and SlowDown (ask again later), DeviceDenied and DeviceExpired (do
    not ask again). TooManyTokens, TooManyTokensToday and TooManyLogins leave the code as it is.
    """
    digest = tokens.digest(device_code)
    interval = settings.DEVICE_POLL_SECONDS * POLL_TOLERANCE
    if not cache.add(f"device-{digest}", 1, timeout=interval):
        raise SlowDown
    living = DeviceRequest.objects.filter(expires__gt=timezone.now()).select_related("user")
    found = living.filter(digest=digest).first()
    if found is None:
        raise DeviceExpired
    user = _approver(found)
    # One conditional UPDATE: of two callers with one code, one gets the tokens.
    if not DeviceRequest.objects.filter(pk=found.pk, status=CONFIRMED).update(status=TAKEN):
        raise DeviceExpired
    try:
        return _grant(user, found)
    except BadToken:  # there is a new password since we looked
        raise DeviceDenied from None
    except (TooManyTokens, TooMany):
        DeviceRequest.objects.filter(pk=found.pk, status=TAKEN).update(status=CONFIRMED)
        raise


def _grant(user: User, found: DeviceRequest) -> DeviceGrant:
    """The tokens for this request: all that it asks for, or an error and none."""
    worker, text = create_worker_token(owner=user, name=found.name)
    if found.scope != USER:
        return DeviceGrant(user, None, worker, text)
    try:
        pair = open_session(user, found.agent)
    except FirmlightError:
        worker.delete()  # nobody will ever know its text
        raise
    return DeviceGrant(user, pair, worker, text)


def _approver(found: DeviceRequest) -> User:
    """The user who approved the request. Raises the error that says why there is none."""
    if found.status == TAKEN:
        raise DeviceExpired
    if found.status == DENIED:
        raise DeviceDenied
    if found.status == PENDING or found.user is None:
        raise AuthorizationPending
    if not found.user.is_active or found.stamp != found.user.stamp:
        raise DeviceDenied
    return found.user


def purge_device_requests() -> int:
    """Delete those that have expired. Return how many."""
    return batches.delete_in_batches(DeviceRequest.objects.filter(expires__lt=timezone.now()))
