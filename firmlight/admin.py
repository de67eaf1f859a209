"""What comes with the libraries, in the manner of the rest: periodic tasks, and the roles of the
staff.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoRoleAdmin
from django.contrib.auth.models import Group as Role
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)

from accounts.admin_actions import Facts, deed
from core.errors import Conflict

for model in (
    PeriodicTask,
    IntervalSchedule,
    CrontabSchedule,
    SolarSchedule,
    ClockedSchedule,
    Role,
):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(Facts):
    """How often they run is a setting, which beat writes here at its start. Superusers switch them
    off and on.
    """

    deeds = ("enable", "disable")
    list_display = (
        "name",
        "enabled",
        "task",
        "interval",
        "crontab",
        "last_run_at",
        "total_run_count",
    )
    list_select_related = ("interval", "crontab")
    list_filter = ("enabled",)
    search_fields = ("name", "task")

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super().get_queryset(request).select_related("interval", "crontab", "solar", "clocked")
        )

    @deed(
        "Enable",
        word="periodic_task_enabled",
        icon="play_arrow",
        says="It runs again at its times.",
        when=lambda request, task: not task.enabled,
    )
    def enable(self, request: HttpRequest, task: PeriodicTask, reason: str) -> None:
        _switch(task, on=True)

    @deed(
        "Disable",
        word="periodic_task_disabled",
        icon="pause",
        hurts=True,
        asks=True,
        says="It does not run any more. Without the sweep, lost work is never given to others.",
        when=lambda request, task: task.enabled,
    )
    def disable(self, request: HttpRequest, task: PeriodicTask, reason: str) -> None:
        _switch(task, on=False)


def _switch(task: PeriodicTask, *, on: bool) -> None:
    if not PeriodicTask.objects.filter(pk=task.pk, enabled=not on).update(enabled=on):
        raise Conflict(f"It is {'enabled' if on else 'disabled'} already.")
    PeriodicTasks.update_changed()  # beat reads the table anew


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(Facts):
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(Facts):
    list_display = ("__str__", "timezone")


@admin.register(Role)
class RoleAdmin(Facts, DjangoRoleAdmin):  # type: ignore[misc]  # the stubs take both for generic
    """What "Moderators" and other roles may do; superusers decide."""

    fields = ("name", "permissions")

    def _is_superuser(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_active and request.user.is_superuser

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission = (
        _is_superuser
    )
