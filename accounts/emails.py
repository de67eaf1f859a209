"""Letters: plain text from templates/mail/, the subject on the first line."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts.models import User
from accounts.services.email_addresses import confirmation_token


def write(letter: str, facts: dict[str, str]) -> EmailMessage | None:
    """The letter of this name; None if who it is for is not there (any more), or blocked."""
    who = {"pk": facts["user"]} if "user" in facts else {"email": facts["email"]}
    user = User.objects.filter(**who, is_active=True).first()
    if user is None:
        return None
    context = {**facts, "user": user, "site": settings.PUBLIC_URL, **_links(letter, user, facts)}
    subject, _, body = render_to_string(f"mail/{letter}.txt", context).partition("\n")
    return EmailMessage(subject.strip(), body.lstrip(), to=[facts.get("email") or user.email])


def _links(letter: str, user: User, facts: dict[str, str]) -> dict[str, Any]:
    if letter == "confirm_email":
        token = confirmation_token(user, facts["email"])
        return {
            "link": f"{settings.PUBLIC_URL}/email/confirm/{token}/",
            "hours": settings.EMAIL_CONFIRM_HOURS,
        }
    if letter == "password_reset":
        token = default_token_generator.make_token(user)
        link = f"{settings.PUBLIC_URL}/password/reset/{user.pk}/{token}/"
        return {"link": link, "minutes": settings.PASSWORD_RESET_MINUTES}
    return {}
