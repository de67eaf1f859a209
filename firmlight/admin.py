"""The moderators' pages for what libraries bring: periodic tasks, and the roles of the staff."""

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

from accounts.admin_actions import ReadOnlyAdmin, admin_action
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
class PeriodicTaskAdmin(ReadOnlyAdmin):
    """Superusers enable and disable periodic tasks.

    How often a task runs is a setting; beat writes it into this table when it starts.
    """

    admin_actions = ("enable", "disable")
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

    @admin_action(
        "Enable",
        audit_action="periodic_task_enabled",
        icon="play_arrow",
        explanation="It runs again on its schedule.",
        offered_when=lambda request, task: not task.enabled,
    )
    def enable(self, request: HttpRequest, task: PeriodicTask, reason: str) -> None:
        _switch(task, on=True)

    @admin_action(
        "Disable",
        audit_action="periodic_task_disabled",
        icon="pause",
        dangerous=True,
        asks_reason=True,
        explanation=(
            "It no longer runs. Without the sweep, lost work is never given to other workers."
        ),
        offered_when=lambda request, task: task.enabled,
    )
    def disable(self, request: HttpRequest, task: PeriodicTask, reason: str) -> None:
        _switch(task, on=False)


def _switch(task: PeriodicTask, *, on: bool) -> None:
    if not PeriodicTask.objects.filter(pk=task.pk, enabled=not on).update(enabled=on):
        state = "enabled" if on else "disabled"
        raise Conflict(f"It is already {state}.")
    PeriodicTasks.update_changed()  # so that beat reads the table again


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "timezone")


# The stubs take both bases for generic.
@admin.register(Role)
class RoleAdmin(ReadOnlyAdmin, DjangoRoleAdmin):  # type: ignore[misc]
    """What "Moderators" and other roles may do. Only superusers change it."""

    fields = ("name", "permissions")

    def _is_superuser(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_active and request.user.is_superuser

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission = (
        _is_superuser
    )
