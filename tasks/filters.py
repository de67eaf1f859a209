"""Filters for lists of tasks, by query parameters of the API and of the pages."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet

from accounts.models import name_key
from firmlight_client import kinds
from tasks import states
from tasks.models import Task

EVERYWHERE_CHARS_MIN = 3  # no index finds fewer characters within long texts


class TaskFilter(django_filters.FilterSet):
    group = django_filters.UUIDFilter(field_name="group_id")
    creator = django_filters.UUIDFilter(field_name="creator_id")
    status = django_filters.MultipleChoiceFilter(
        choices=[(s, s) for s in states.STATES], distinct=False
    )
    kind = django_filters.CharFilter(method="of_kind", max_length=64)
    member = django_filters.CharFilter(method="by_name", max_length=150)
    search = django_filters.CharFilter(
        method="by_words",
        max_length=100,
        help_text="Part of the title or the description; "
        "one or two characters are searched for in titles only",
    )

    class Meta:
        model = Task
        fields = ("group", "creator", "member", "status", "kind")

    def of_kind(self, tasks: QuerySet[Task], name: str, kind: str) -> QuerySet[Task]:
        """The tasks of this kind, and those that are many calls of it."""
        return tasks.filter(kind__in=[kind, kind + kinds.CALLS])

    def by_name(self, tasks: QuerySet[Task], name: str, username: str) -> QuerySet[Task]:
        return tasks.filter(creator__username_key=name_key(username))

    def by_words(self, tasks: QuerySet[Task], name: str, words: str) -> QuerySet[Task]:
        if len(words) < EVERYWHERE_CHARS_MIN:
            return tasks.filter(title__icontains=words)
        return tasks.filter(Q(title__icontains=words) | Q(description__icontains=words))
