"""What must survive a restart: tasks, workers and who did what.

Subtasks live in Redis, inputs and results there or in files.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import User, uuid_key
from groups.models import Group
from tasks import file_store, kind_keys, states
from tasks.standing import NEWCOMER, check_probability
from tasks.verification import AUTO, VERIFY, Verification, from_plain

ERROR_MAX, MESSAGE_MAX, TRACEBACK_MAX, SUSPENDED_REASON_MAX = 200, 2000, 4000, 300


class TaskQuerySet(models.QuerySet["Task"]):
    def move(self, start: str, finish: str, **changes: Any) -> int:
        """Move the rows still in `start` to `finish`; return how many moved.

        One conditional UPDATE: of two racing callers exactly one gets 1. It needs no transaction,
        so it holds on MongoDB too, where `atomic` and `select_for_update` silently do nothing.
        """
        return self.move_from([start], finish, **changes)

    def move_from(self, starts: Collection[str], finish: str, **changes: Any) -> int:
        """Move the rows in any of `starts` to `finish`; return how many moved.

        One UPDATE for all of them, so that a row which goes from one of `starts` to another
        meanwhile is not missed.
        """
        for start in starts:
            states.check_move(start, finish)
        now = timezone.now()
        stamps = {"changed": now}
        if finish in states.FINAL:
            stamps["finished"] = now
        return self.filter(status__in=starts).update(status=finish, **{**stamps, **changes})

    def pending(self) -> TaskQuerySet:
        """Those whose result is delivered while their checks go on."""
        return self.filter(pending_until__isnull=False)

    def withdraw(self, **changes: Any) -> int:
        """Let those rows run again whose checks go on after their delivery; how many moved.

        One conditional UPDATE, as in `move`: of those who find the result wrong one gets 1.
        """
        now = timezone.now()
        facts: dict[str, Any] = {"withdrawn": now, "changed": now}
        facts |= {"pending_until": None, "finished": None}
        start, finish = states.WITHDRAWAL
        facts |= {"status": finish, "conclude_attempts": 0}
        return self.pending().filter(status=start).update(**facts, **changes)


class Task(models.Model):
    """Something that a member has their group compute. Counts are written when it ends."""

    id = uuid_key()
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="tasks")
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="tasks"
    )
    kind = models.CharField(max_length=64)
    kind_version = models.CharField(max_length=64)
    title = models.CharField(max_length=120)
    description = models.CharField(max_length=2000, blank=True)
    status = models.CharField(
        max_length=12, choices=[(s, s) for s in states.STATES], default=states.QUEUED
    )
    priority = models.CharField(
        max_length=6, choices=[(p, p) for p in states.PRIORITIES], default=states.NORMAL
    )
    allow_partial = models.BooleanField(default=False)
    # How much of it others recompute, and what was asked for: the group may have raised it.
    verify = models.CharField(max_length=6, choices=[(v, v) for v in VERIFY], default=AUTO)
    verify_asked = models.CharField(max_length=6, choices=[(v, v) for v in VERIFY], blank=True)
    verification = models.JSONField(null=True)  # as Verification.plain makes it
    # Its result is delivered, and its checks go on until then at most; None: they are over.
    pending_until = models.DateTimeField(null=True)
    # When a result that had been delivered was withdrawn. It stays when another one replaces it.
    withdrawn = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True)  # then it fails
    subtask_seconds_max = models.FloatField(null=True)  # None: the kind's own limit
    subtasks = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    split_attempts = models.PositiveSmallIntegerField(default=0)  # that failed
    conclude_attempts = models.PositiveSmallIntegerField(default=0)  # begun since it is AGGREGATING
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.CharField(max_length=2000, blank=True)
    created = models.DateTimeField(default=timezone.now)
    changed = models.DateTimeField(default=timezone.now)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ("-created", "id")
        indexes = (
            models.Index(fields=["group", "-created"], name="task_group_created"),
            models.Index(fields=["group", "status", "-created"], name="task_group_status"),
            models.Index(fields=["group", "kind", "-created"], name="task_group_kind"),
            models.Index(fields=["group", "-finished"], name="task_group_finished"),
            models.Index(fields=["creator", "-created"], name="task_creator_created"),
            models.Index(fields=["creator", "status"], name="task_creator_status"),
            models.Index(fields=["status", "-created"], name="task_status_created"),
            models.Index(fields=["finished"], name="task_finished"),
            models.Index(fields=["-created"], name="task_created"),
            models.Index(fields=["pending_until"], name="task_pending_until"),
            models.Index(fields=["group", "pending_until"], name="task_group_pending"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_final(self) -> bool:
        return self.status in states.FINAL

    @property
    def is_pending(self) -> bool:
        """Whether its result is delivered while its checks go on."""
        return self.pending_until is not None

    @property
    def checked(self) -> Verification | None:
        """How its result was checked; None while nothing is known of it."""
        return from_plain(self.verification)

    @property
    def kind_key(self) -> str:
        """The queue's name of the kind in this version: a worker takes only the same version."""
        return kind_keys.key_of(self.kind, self.kind_version)


class Worker(models.Model):
    """A member's machine, known by its owner and its name.

    Whether it is online now is in Redis. Without an owner it is a former member's, and only its
    contributions matter.
    """

    id = uuid_key()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="workers"
    )
    name = models.CharField(max_length=64)
    slots = models.PositiveIntegerField(default=1)
    platform = models.CharField(max_length=128, blank=True)
    client_version = models.CharField(max_length=32, blank=True)
    created = models.DateTimeField(default=timezone.now)
    last_seen = models.DateTimeField(default=timezone.now)
    suspended = models.DateTimeField(null=True)  # it gets nothing until it is let back
    suspended_reason = models.CharField(max_length=SUSPENDED_REASON_MAX, blank=True)
    # {group's id, or "*": protocol.Consent as a map}
    consent = models.JSONField(default=dict, blank=True)
    # Suspended by a moderator: its owner cannot let it back.
    blocked = models.BooleanField(default=False)

    class Meta:
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=["owner", "name"], name="worker_owner_name"),)
        indexes = (models.Index(fields=["-last_seen"], name="worker_last_seen"),)

    def __str__(self) -> str:
        return self.name


class Contribution(models.Model):
    """What one worker did for one task. `share` is per cent of the subtasks done.

    While the task lives, unsaved rows are filled from Redis (`selectors.contributions`); when it
    ends they are saved. They are saved as values, never by adding, so that saving twice changes
    nothing. The help texts are those of the API.
    """

    id = uuid_key()
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="contributions")
    worker = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="contributions")
    status = models.CharField(
        max_length=12, choices=[(s, s) for s in states.CONTRIBUTION_STATES], default=states.DONE
    )
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    subtasks = models.PositiveIntegerField(default=0)
    share = models.FloatField(default=0.0)
    compute_seconds = models.FloatField(default=0.0)
    failures = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(
        default=0, help_text="How many subtasks it held when its lease ended without a result"
    )
    copies = models.PositiveIntegerField(
        default=0, help_text="Subtasks it was given a second time and was faster with"
    )
    saved_seconds = models.FloatField(
        default=0.0, help_text="That those would still have taken the first worker, about"
    )
    wasted_seconds = models.FloatField(
        default=0.0, help_text="Computed on subtasks that another worker finished first"
    )
    checks = models.PositiveIntegerField(
        default=0, help_text="Subtasks that it computed again, to check others"
    )
    taken_out = models.PositiveIntegerField(
        default=0, help_text="Subtasks whose results it sent and that were taken out again"
    )

    class Meta:
        ordering = ("-subtasks", "id")
        constraints = (
            models.UniqueConstraint(fields=["task", "worker"], name="contribution_task_worker"),
        )
        indexes = (models.Index(fields=["-finished"], name="contribution_finished"),)

    @property
    def member(self) -> User | None:
        """The owner of the worker; None: a former member."""
        return self.worker.owner


class TaskHistory(models.Model):
    """What happened to a task that has ended: its latest events, its leases as bars, its parts.

    `tasks.event_log` and `tasks.selectors.parts` have their types.
    """

    id = uuid_key()
    task = models.OneToOneField(Task, on_delete=models.CASCADE, related_name="history")
    entries = models.JSONField(default=list)
    bars = models.JSONField(default=list)
    parts = models.JSONField(default=list)


class SubtaskFailure(models.Model):
    """One failed attempt at a subtask. `final`: it was not tried again.

    While the task lives, unsaved rows are filled from Redis (`selectors.contributions`); when it
    ends the latest are saved. `number` is the place among them, so that saving them twice changes
    nothing.
    """

    id = uuid_key()
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="failures")
    number = models.PositiveIntegerField()
    subtask = models.PositiveIntegerField()
    worker = models.ForeignKey(
        Worker, on_delete=models.SET_NULL, null=True, related_name="failures"
    )
    error = models.CharField(max_length=ERROR_MAX)
    message = models.CharField(max_length=MESSAGE_MAX, blank=True)
    traceback = models.TextField(max_length=TRACEBACK_MAX, blank=True, help_text="Its end")
    at = models.DateTimeField()
    final = models.BooleanField(default=False)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=["task", "number"], name="failure_task_number"),
        )
        indexes = (models.Index(fields=["-at"], name="failure_at"),)

    @property
    def member(self) -> User | None:
        """The owner of the worker; None: a former member."""
        return self.worker.owner if self.worker else None


class Standing(models.Model):
    """How far an owner's results of one kind are believed in a group (`tasks.standing`).

    `agreements` counts those in a row that other owners confirmed. A member who leaves and comes
    back keeps theirs: what goes with the membership would be a way to get rid of a bad one.
    """

    id = uuid_key()
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="standings")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="standings")
    kind = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    agreements = models.PositiveBigIntegerField(default=NEWCOMER)
    agreements_total = models.PositiveBigIntegerField(default=0)
    disagreements_total = models.PositiveBigIntegerField(default=0)
    last_disagreement = models.DateTimeField(null=True)
    noticed = models.DateTimeField(null=True)  # when people were last notified of one
    changed = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("kind", "version", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["group", "owner", "kind", "version"], name="standing_group_owner_kind"
            ),
        )
        indexes = (models.Index(fields=["-changed"], name="standing_changed"),)

    def __str__(self) -> str:
        return f"{self.owner} in {self.group}: {self.kind} {self.version}"

    @property
    def is_trusted(self) -> bool:
        """Whether only some of what they compute is checked."""
        return self.agreements >= settings.STANDING_TRUSTED

    @property
    def checked_share(self) -> float:
        """The share of what they compute that is checked, above 0 to 1."""
        return check_probability(self.agreements, settings.STANDING_TRUSTED)


class StoredFile(models.Model):
    """A file with a task's input or result, counted as long as it is there.

    The row is there before the file, and before its task's row if it is an input, and it outlives
    both task and group: so the database does not check the keys.
    """

    id = uuid_key()
    task = models.ForeignKey(
        Task, on_delete=models.DO_NOTHING, related_name="stored_files", db_constraint=False
    )
    group = models.ForeignKey(
        Group, on_delete=models.DO_NOTHING, related_name="stored_files", db_constraint=False
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="stored_files"
    )
    area = models.CharField(
        max_length=7, choices=[(area, area) for area in (file_store.INPUTS, file_store.RESULTS)]
    )
    name = models.CharField(max_length=160, default="")  # in the file storage
    size = models.PositiveBigIntegerField()  # bytes
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("created", "id")
        indexes = (
            models.Index(fields=["created"], name="stored_file_created"),
            models.Index(fields=["name"], name="stored_file_name"),
        )

    def __str__(self) -> str:
        return self.name


class FoldedDay(models.Model):
    """A day (UTC) whose tallies are written.

    What they were made from is deleted afterwards; when all of it is gone, the day is `emptied`.
    """

    id = uuid_key()
    day = models.DateField(unique=True)
    emptied = models.BooleanField(default=False)

    class Meta:
        ordering = ("-day",)

    def __str__(self) -> str:
        return str(self.day)


class Tally(models.Model):
    """What a member did for a group's tasks of one kind that ended on one day (UTC).

    It replaces their contributions after RETENTION_DAYS. `key` makes it unique; the member is None
    where the work was a former member's.
    """

    id = uuid_key()
    key = models.CharField(max_length=160, unique=True, editable=False)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="tallies")
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="tallies"
    )
    kind = models.CharField(max_length=64)
    day = models.DateField()
    tasks = models.PositiveIntegerField()
    subtasks = models.PositiveBigIntegerField()
    compute_seconds = models.FloatField()
    failures = models.PositiveIntegerField()
    wasted_seconds = models.FloatField()

    class Meta:
        ordering = ("-day", "id")
        indexes = (models.Index(fields=["group", "-day"], name="tally_group_day"),)
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.day}, {self.kind}"
