"""E-mails: plain text from templates/accounts/mail/, with the subject on the first line."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts import selectors
from accounts.models import User
from accounts.services.email_addresses import confirmation_token
from accounts.services.passwords import reset_tokens


def write(template: str, facts: dict[str, str]) -> EmailMessage | None:
    """The e-mail of this name; None if its addressee has no account, or is blocked."""
    user = _addressee(facts)
    if user is None:
        return None
    owner = selectors.confirmed_owner(facts["email"]) if template == "confirm_email" else None
    if owner and owner.pk != user.pk:
        # Whoever gave this address does not learn that it has an account; its owner does.
        if not owner.is_active:
            return None
        template, user = "address_in_use", owner
    link = _link(template, user, facts)
    context = {**facts, **link, "user": user, "site": settings.PUBLIC_URL}
    subject, _, body = render_to_string(f"accounts/mail/{template}.txt", context).partition("\n")
    return EmailMessage(subject.strip(), body.lstrip(), to=[facts.get("email") or user.email])


def _addressee(facts: dict[str, str]) -> User | None:
    """The active user whom the facts name, by their id or by their address alone."""
    if "user" in facts:
        return User.objects.filter(pk=facts["user"], is_active=True).first()
    user = selectors.user_by_address(facts["email"])
    return user if user and user.is_active else None


def _link(template: str, user: User, facts: dict[str, str]) -> dict[str, Any]:
    """The link of this e-mail and how long it is valid; nothing for an e-mail without a link."""
    if template == "confirm_email":
        token = confirmation_token(user, facts["email"])
        return {
            "link": f"{settings.PUBLIC_URL}/email/confirm/{token}/",
            "hours": settings.EMAIL_CONFIRM_HOURS,
        }
    if template == "password_reset":
        token = reset_tokens.make_token(user)
        link = f"{settings.PUBLIC_URL}/password/reset/{user.pk}/{token}/"
        return {"link": link, "minutes": settings.PASSWORD_RESET_MINUTES}
    return {}
