"""The audit log: who did what, to whom, when and from where. It is only ever added to."""

from __future__ import annotations

import json
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.utils import timezone

from accounts.models import AUDIT_DETAILS_MAX, AuditEntry, User
from core.client_address import address_of

__all__ = ["address_of", "current_address", "purge_entries", "record"]

current_address: ContextVar[str] = ContextVar("current_address", default="")
"""Whence the request that is being answered came; accounts.middleware sets it, so that services
need not carry it.
"""


def record(
    action: str, *, actor: User | None, target: Model | None, address: str = "", **details: Any
) -> None:
    """Add an entry. `action` is a stable word of at most 40 characters ("user_blocked").

    `actor` is None where nobody is logged in or the server acts by itself. `details` that make more
    than AUDIT_DETAILS_MAX characters of JSON are left out, and the entry says so.
    """
    AuditEntry.objects.create(
        action=action,
        actor_id=actor.pk if actor else None,
        actor_name=actor.username if actor else "",
        target_type=target._meta.model_name or "" if target else "",
        target_id=str(target.pk) if target else "",
        target_label=str(target)[:200] if target else "",
        address=address or current_address.get(),
        details=_fitting(details),
    )


def _fitting(details: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(details, cls=DjangoJSONEncoder)
    return (
        json.loads(text)
        if len(text) <= AUDIT_DETAILS_MAX
        else {"left_out": f"{len(text)} characters"}
    )


def purge_entries() -> int:
    """Delete what is older than AUDIT_DAYS. Return how many."""
    return AuditEntry.objects.all().purge(timezone.now() - timedelta(days=settings.AUDIT_DAYS))
