"""Tasks, workers and what they did, for moderators."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from accounts.admin_actions import ReadOnlyAdmin, ReadOnlyInline, admin_action, moderator_of
from firmlight_client import kinds
from tasks import states
from tasks.models import Contribution, Standing, SubtaskFailure, Tally, Task, Worker
from tasks.selectors import statistics, task_progress
from tasks.services import moderation, taking_out, workers
from tasks.services.standing import restore as restore_standing

COLOURS = {
    "succeeded": "success",
    "failed": "danger",
    "running": "warning",
    "aggregating": "warning",
    "queued": "info",
}


class KindFilter(admin.SimpleListFilter):
    """The kinds installed here; looking up those in use would read the whole table."""

    title, parameter_name = "kind", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, kind.title) for name, kind in kinds.installed().items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class OutcomeFilter(admin.SimpleListFilter):
    """The states that a recorded contribution can have.

    To look up which of them there are would read the whole table.
    """

    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(s, s) for s in states.CONTRIBUTION_STATES if s != states.WORKING]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(status=self.value()) if self.value() else queryset


class Contributions(ReadOnlyInline):
    model = Contribution
    fields = (
        "worker",
        "status",
        "subtasks",
        "share",
        "compute_seconds",
        "failures",
        "lost",
        "checks",
        "taken_out",
        "started",
        "finished",
    )
    ordering = ("-subtasks", "id")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("worker")


class Failures(ReadOnlyInline):
    """Of a task the latest are kept, so they need no pages."""

    model = SubtaskFailure
    per_page = None
    fields = ("number", "subtask", "worker", "error", "message", "at", "final")
    ordering = ("-number",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("worker")


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    admin_actions = ("cancel", "submit_again")
    list_display = (
        "title",
        "shown_status",
        "kind",
        "group",
        "creator",
        "priority",
        "created",
        "finished",
    )
    list_select_related = ("group", "creator")
    list_filter = ("status", KindFilter, ("group", AutocompleteSelectFilter), "created")
    list_filter_submit = True
    search_fields = ("title", "description")
    ordering = ("-created", "id")
    inlines = (Contributions, Failures)
    fieldsets = (
        (None, {"fields": ("title", "description", "group", "creator", "kind", "kind_version")}),
        (
            "Now",
            {
                "fields": (
                    "status",
                    "counts",
                    "progress",
                    "waiting",
                    "checks",
                    "error_code",
                    "error_message",
                )
            },
        ),
        (
            "Wishes",
            {
                "fields": (
                    "priority",
                    "allow_partial",
                    "deadline",
                    "subtask_seconds_max",
                    "verify",
                    "verify_asked",
                )
            },
        ),
        ("Times", {"fields": ("created", "started", "changed", "finished")}),
    )
    readonly_fields = ("counts", "progress", "waiting", "checks")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("group", "creator")

    @display(description="status", label=COLOURS, ordering="status")
    def shown_status(self, task: Task) -> str:
        return task.status

    @admin.display(description="subtasks")
    def counts(self, task: Task) -> str:
        """Live from Redis, which is read once for the whole page."""
        counts = self._task_progress(task).counts
        return ", ".join(f"{number:,} {name}" for name, number in counts.items())

    @admin.display
    def progress(self, task: Task) -> str:
        stands = self._task_progress(task)
        text = f"{stands.progress:.1%}, {stands.rate:g} subtasks a second"
        if stands.eta_seconds is None:
            return text
        return f"{text}, about {stands.eta_seconds:g} s to go"

    @admin.display(description="waits for")
    def waiting(self, task: Task) -> str:
        return task_progress.waiting_reason(task, self._task_progress(task)) or "nothing"

    @admin.display
    def checks(self, task: Task) -> str:
        return task.checked.sentence if task.checked else "not known"

    def _task_progress(self, task: Task) -> task_progress.TaskProgress:
        if not hasattr(task, "_read_progress"):
            task._read_progress = task_progress.of_task(task)  # type: ignore[attr-defined]  # as long as the page
        return task._read_progress  # type: ignore[attr-defined]

    @admin_action(
        "Cancel",
        audit_action="task_cancelled",
        icon="cancel",
        dangerous=True,
        asks_reason=True,
        explanation="It ends now; what is computed is lost.",
        offered_when=lambda request, task: not task.is_final,
    )
    def cancel(self, request: HttpRequest, task: Task, reason: str) -> None:
        moderation.cancel(task, reason)

    @admin_action(
        "Submit again",
        audit_action="task_submitted_again",
        icon="replay",
        explanation=(
            "A task that failed is submitted again in its creator's name, "
            "as long as its input is kept."
        ),
        offered_when=lambda request, task: task.status == states.FAILED,
    )
    def submit_again(self, request: HttpRequest, task: Task, reason: str) -> None:
        moderation.submit_again(task)


class OnlineFilter(admin.SimpleListFilter):
    title, parameter_name = "online", "online"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Online"), ("no", "Away")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        since = statistics.seen_since(timezone.now())
        if self.value() == "yes":
            return queryset.filter(last_seen__gte=since)
        if self.value() == "no":
            return queryset.filter(last_seen__lt=since)
        return queryset


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    admin_actions = ("block", "unblock", "let_back", "drain")
    list_display = (
        "name",
        "owner",
        "online",
        "blocked",
        "suspended_reason",
        "slots",
        "platform",
        "last_seen",
    )
    list_select_related = ("owner",)
    list_filter = (OnlineFilter, "blocked", ("suspended_reason", admin.EmptyFieldListFilter))
    search_fields = ("name", "owner__username_key")
    ordering = ("-last_seen", "id")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("owner")

    @admin.display(boolean=True)
    def online(self, worker: Worker) -> bool:
        return worker.last_seen >= statistics.seen_since(timezone.now())

    @admin_action(
        "Block",
        audit_action="worker_blocked",
        icon="block",
        dangerous=True,
        asks_reason=True,
        explanation=(
            "It may finish the work that it holds, and gets no more until a moderator unblocks it. "
            "Its owner cannot."
        ),
        offered_when=lambda request, worker: not worker.blocked,
    )
    def block(self, request: HttpRequest, worker: Worker, reason: str) -> None:
        moderation.block_worker(worker, reason)

    @admin_action(
        "Unblock",
        audit_action="worker_unblocked",
        icon="lock_open",
        explanation="It gets work again.",
        offered_when=lambda request, worker: worker.blocked,
    )
    def unblock(self, request: HttpRequest, worker: Worker, reason: str) -> None:
        moderation.unblock_worker(worker)

    @admin_action(
        "Let back",
        icon="undo",
        explanation="It was suspended because its subtasks failed; it gets work again.",
        offered_when=lambda request, worker: worker.suspended and not worker.blocked,
    )
    def let_back(self, request: HttpRequest, worker: Worker, reason: str) -> None:
        workers.let_back(worker, by=moderator_of(request))

    @admin_action(
        "Drain",
        icon="logout",
        explanation="It finishes what it holds, and leaves. Its owner can start it again.",
    )
    def drain(self, request: HttpRequest, worker: Worker, reason: str) -> None:
        workers.drain(worker, by=moderator_of(request))


@admin.register(Contribution)
class ContributionAdmin(ReadOnlyAdmin):
    list_display = (
        "task",
        "worker",
        "status",
        "subtasks",
        "share",
        "compute_seconds",
        "failures",
        "finished",
    )
    list_select_related = ("task", "worker")
    list_filter = (OutcomeFilter,)
    search_fields = ("task__title", "worker__name")
    ordering = ("-finished", "id")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("task", "worker")


@admin.register(SubtaskFailure)
class SubtaskFailureAdmin(ReadOnlyAdmin):
    list_display = ("task", "subtask", "worker", "error", "message", "at", "final")
    list_select_related = ("task", "worker")
    list_filter = ("final", "at")
    search_fields = ("task__title", "worker__name", "error")
    ordering = ("-at", "id")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("task", "worker")


@admin.register(Standing)
class StandingAdmin(ReadOnlyAdmin):
    """How far members' results are believed, by kind."""

    admin_actions = ("restore", "take_out")
    list_display = (
        "owner",
        "group",
        "kind",
        "version",
        "trusted",
        "agreements",
        "agreements_total",
        "disagreements_total",
        "last_disagreement",
        "changed",
    )
    list_select_related = ("owner", "group")
    list_filter = (
        KindFilter,
        ("group", AutocompleteSelectFilter),
        ("last_disagreement", admin.EmptyFieldListFilter),
    )
    list_filter_submit = True
    search_fields = ("owner__username_key",)
    ordering = ("-changed", "id")
    exclude = ("noticed",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("owner", "group")

    @admin.display(boolean=True)
    def trusted(self, row: Standing) -> bool:
        return row.is_trusted

    @admin_action(
        "Restore standing",
        icon="verified_user",
        asks_reason=True,
        explanation="Only some of what this member computes of the kind is checked from now on.",
        offered_when=lambda request, row: not row.is_trusted,
    )
    def restore(self, request: HttpRequest, row: Standing, reason: str) -> None:
        restore_standing(row, by=moderator_of(request), reason=reason)

    @admin_action(
        "Take results out",
        icon="remove_done",
        dangerous=True,
        asks_reason=True,
        explanation=(
            "All that this member computed for running tasks of the kind in the group is computed "
            "by others; their standing is 0 from now on."
        ),
    )
    def take_out(self, request: HttpRequest, row: Standing, reason: str) -> None:
        taking_out.take_out_of_all(row, by=moderator_of(request), reason=reason)


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    """What is left of who did what, after RETENTION_DAYS."""

    list_display = (
        "day",
        "group",
        "member",
        "kind",
        "tasks",
        "subtasks",
        "compute_seconds",
        "failures",
    )
    list_select_related = ("group", "member")
    list_filter = (KindFilter, ("group", AutocompleteSelectFilter), "day")
    list_filter_submit = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("group", "member")
