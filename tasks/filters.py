"""What a list of tasks can be narrowed to, by query parameters: of the API and of the page."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet

from accounts.models import name_key
from firmlight_client import kinds
from tasks import states
from tasks.models import Task

LETTERS_EVERYWHERE_MIN = 3  # no index finds fewer within long texts


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
        help_text="Part of the title or the description; one or two letters are looked for in titles only",
    )

    class Meta:
        model = Task
        fields = ("group", "creator", "member", "status", "kind")

    def of_kind(self, tasks: QuerySet[Task], name: str, kind: str) -> QuerySet[Task]:
        """Many calls of a kind are of that kind, too."""
        return tasks.filter(kind__in=[kind, kind + kinds.CALLS])

    def by_name(self, tasks: QuerySet[Task], name: str, username: str) -> QuerySet[Task]:
        return tasks.filter(creator__username_key=name_key(username))

    def by_words(self, tasks: QuerySet[Task], name: str, words: str) -> QuerySet[Task]:
        if len(words) < LETTERS_EVERYWHERE_MIN:
            return tasks.filter(title__icontains=words)
        return tasks.filter(Q(title__icontains=words) | Q(description__icontains=words))
