"""Browsers and programs that have logged in to an account before: strangers who guess at its
password do not lock these out.

Every log-in leaves a signed cookie that names the user and one random word (a "device cookie" as
OWASP describes it). Wrong passwords that come with it count for this word and not for what was
typed. It lets nobody in: with it, too, the password must be right.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from accounts.models import User

COOKIE = SALT = "known_device"
_NOTED = "logged_in_user"  # an attribute of the request


def device_of(request: HttpRequest, user: User | None) -> str:
    """The word of the device behind the request if this user has logged in there; else ""."""
    lifetime = timedelta(days=settings.KNOWN_DEVICE_DAYS)
    try:
        facts = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=lifetime)
    except signing.BadSignature:
        return ""
    return facts["device"] if user and facts["user"] == user.pk.hex else ""


def note_login(request: HttpRequest, user: User) -> None:
    """This user has logged in by this request: `remember` marks the answer to it."""
    setattr(request, _NOTED, user)


def remember(request: HttpRequest, answer: HttpResponse) -> None:
    """Give the cookie with the answer if somebody has logged in; a known device keeps its word."""
    user: User | None = getattr(request, _NOTED, None)
    if user is None:
        return
    device = device_of(request, user) or secrets.token_hex(8)
    answer.set_cookie(
        COOKIE,
        signing.dumps({"user": user.pk.hex, "device": device}, salt=SALT),
        max_age=timedelta(days=settings.KNOWN_DEVICE_DAYS),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
