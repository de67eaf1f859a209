"""The role "Moderators": what its people may look at and change, without being superusers.

It is made after each migration instead of by one: without transactions the tests flush it away, and
a model that comes later is covered too. A row that is there is completed, never cut down: what an
operator has added stays.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import Permission
from django.db.models import Q

MODERATORS = "Moderators"
SEEN = {  # app label -> models; they are looked at
    "accounts": ("user", "session", "workertoken", "notification", "auditentry"),
    "groups": ("group", "membership", "invitation", "joinrequest", "invitelink"),
    "tasks": ("task", "worker", "contribution", "subtaskfailure", "tally"),
    "django_celery_beat": ("periodictask", "intervalschedule", "crontabschedule"),
}
MODERATED = {  # and the deeds of these may be done: Django's "change", although no form edits them
    "accounts": ("user", "session", "workertoken"),
    "groups": ("group", "invitation", "invitelink"),
    "tasks": ("task", "worker"),
}


def keep_moderators(**_: Any) -> None:
    """Receives `post_migrate`: the role exists and has its permissions."""
    role, _made = Role.objects.get_or_create(name=MODERATORS)
    role.permissions.add(*_permissions("view", SEEN), *_permissions("change", MODERATED))


def _permissions(verb: str, models: dict[str, tuple[str, ...]]) -> list[Permission]:
    named = Q()
    for app, names in models.items():
        named |= Q(content_type__app_label=app, codename__in=[f"{verb}_{name}" for name in names])
    return list(Permission.objects.filter(named))
