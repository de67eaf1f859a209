"""The role "Moderators": what its members may see and change without being superusers.

It is made after every migration run instead of by one migration: the tests flush it away where
there are no transactions, and models that come later are covered, too. An existing role gets the
permissions it lacks and loses none, so what an operator has added stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import Permission
from django.db.models import Q

MODERATORS = "Moderators"
SEEN = {  # app label -> models that moderators may see
    "accounts": ("user", "session", "workertoken", "notification", "auditentry"),
    "groups": ("group", "membership", "invitation", "joinrequest", "invitelink"),
    "tasks": ("task", "worker", "contribution", "subtaskfailure", "standing", "tally"),
    "django_celery_beat": ("periodictask", "intervalschedule", "crontabschedule"),
}
# Of these they may run the admin actions: Django's "change", although no form edits the rows.
MODERATED = {
    "accounts": ("user", "session", "workertoken"),
    "groups": ("group", "invitation", "invitelink"),
    "tasks": ("task", "worker", "standing"),
}


def keep_moderators(**_: Any) -> None:
    """Receives `post_migrate`: see that the role exists and has its permissions."""
    role, _made = Role.objects.get_or_create(name=MODERATORS)
    role.permissions.add(*_permissions("view", SEEN), *_permissions("change", MODERATED))


def _permissions(verb: str, models: Mapping[str, tuple[str, ...]]) -> list[Permission]:
    named = Q()
    for app, names in models.items():
        named |= Q(content_type__app_label=app, codename__in=[f"{verb}_{name}" for name in names])
    return list(Permission.objects.filter(named))
