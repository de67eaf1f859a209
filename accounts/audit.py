"""The audit log: who did what, to whom, when and from where. Entries are only ever added."""

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

LABEL_MAX = 200  # characters, as the column has it

current_address: ContextVar[str] = ContextVar("current_address", default="")
"""Where the present request comes from. A middleware sets it, so that services need not pass it."""


def record(
    action: str, *, actor: User | None, target: Model | None, address: str = "", **details: Any
) -> None:
    """Add an entry; `action` is a stable word of at most 40 characters ("user_blocked").

    `actor` is None where nobody is logged in, or where the server acts by itself. If `details` take
    more than AUDIT_DETAILS_MAX characters of JSON, the entry says only that they were left out.
    """
    entry = AuditEntry(
        action=action, address=address or current_address.get(), details=_fitting(details)
    )
    if actor is not None:
        entry.actor_id, entry.actor_name = actor.pk, actor.username
    if target is not None:
        entry.target_type = target._meta.model_name or ""
        entry.target_id = str(target.pk)
        entry.target_label = str(target)[:LABEL_MAX]
    entry.save()


def _fitting(details: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(details, cls=DjangoJSONEncoder)
    if len(text) > AUDIT_DETAILS_MAX:
        return {"left_out": f"{len(text)} characters"}
    return json.loads(text)


def purge_entries() -> int:
    """Delete the entries that are older than AUDIT_DAYS. Return how many."""
    return AuditEntry.objects.all().purge(timezone.now() - timedelta(days=settings.AUDIT_DAYS))
