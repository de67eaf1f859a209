"""Tasks, workers and kinds as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import PersonSerializer
from core.parsers import read_json
from core.text import check_printable, check_printable_lines
from firmlight_client import kinds
from tasks import consent, states
from tasks.models import Contribution, Standing, SubtaskFailure, Task, Worker
from tasks.queue.parts import CONFIRMED, COUNTS, TAKEN_OUT
from tasks.selectors import contributions, task_progress, trust
from tasks.selectors.takers import Taker
from tasks.services.taking_out import REASON_MAX
from tasks.verification import HOW, REASONS, VERIFY


class NamedSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class CountsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    leased = serializers.IntegerField()
    waiting = serializers.IntegerField()
    failed = serializers.IntegerField()


class ErrorSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()


class VerificationSerializer(serializers.Serializer):
    """How the result of a task was checked."""

    how = serializers.ChoiceField(HOW)
    checked_share = serializers.FloatField(
        min_value=0, max_value=1, help_text="Of its subtasks: recomputed, and the results agreed"
    )
    owners = serializers.IntegerField(
        help_text="Members whose workers took part in checks, beside those who computed first"
    )
    disagreements = serializers.IntegerField(help_text="How many of all of them disagreed")
    reason = serializers.ChoiceField(
        REASONS,
        allow_blank=True,
        help_text="Why less was checked than was asked for, or what is left open",
    )
    taken_out = serializers.IntegerField(
        help_text="Subtasks whose first results were taken out and that were computed again"
    )
    replaces = serializers.BooleanField(
        help_text="Another result had been delivered before, and was withdrawn"
    )
    sentence = serializers.CharField(help_text="The same for people")


class ContributionSerializer(serializers.ModelSerializer):
    """What one worker did. `share` is per cent of the subtasks done."""

    worker = NamedSerializer()
    member = PersonSerializer(allow_null=True, help_text="null: a former member")

    class Meta:
        model = Contribution
        fields = (
            "worker",
            "member",
            "status",
            "started",
            "finished",
            "subtasks",
            "share",
            "compute_seconds",
            "failures",
            "lost",
            "copies",
            "saved_seconds",
            "wasted_seconds",
            "checks",
            "taken_out",
        )


class FailureSerializer(serializers.ModelSerializer):
    """One failed attempt at a subtask. `final`: it was not tried again."""

    worker = NamedSerializer(allow_null=True)
    member = PersonSerializer(allow_null=True)

    class Meta:
        model = SubtaskFailure
        fields = ("subtask", "worker", "member", "error", "message", "traceback", "at", "final")


class TaskRows(serializers.ListSerializer):
    """Reads from Redis where all the tasks stand, in one round trip."""

    def to_representation(self, data: Any) -> Any:
        tasks = list(data)
        self.stands = task_progress.of_tasks(tasks)
        return super().to_representation(tasks)


class TaskBriefSerializer(serializers.ModelSerializer):
    """A task in a list."""

    creator = PersonSerializer(allow_null=True, read_only=True)
    progress = serializers.SerializerMethodField()
    verification = serializers.SerializerMethodField()

    @extend_schema_field(VerificationSerializer(allow_null=True))
    def get_verification(self, task: Task) -> dict[str, Any] | None:
        return _verification(task)

    @extend_schema_field(serializers.FloatField(min_value=0, max_value=1))
    def get_progress(self, task: Task) -> float:
        rows: Any = self.parent
        return float(rows.stands[task.pk].progress)

    class Meta:
        model = Task
        list_serializer_class = TaskRows
        fields = (
            "id",
            "group",
            "kind",
            "title",
            "description",
            "status",
            "priority",
            "verify",
            "verification",
            "progress",
            "creator",
            "created",
            "started",
            "finished",
        )
        read_only_fields = fields


class TaskSerializer(serializers.Serializer):
    """A task with where it stands now."""

    id = serializers.UUIDField()
    group = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(states.STATES)
    priority = serializers.ChoiceField(states.PRIORITIES)
    allow_partial = serializers.BooleanField()
    deadline = serializers.DateTimeField(allow_null=True)
    subtask_seconds_max = serializers.FloatField(allow_null=True)
    verify = serializers.ChoiceField(VERIFY, help_text="How much of it is checked")
    verify_asked = serializers.ChoiceField(
        VERIFY,
        allow_blank=True,
        help_text="What its submission asked for, which the group's settings raise to `verify` "
        "if it is less; empty: it asked for nothing",
    )
    verification = VerificationSerializer(
        allow_null=True, help_text="How its result was checked; null while there is none"
    )
    creator = PersonSerializer(allow_null=True)
    progress = serializers.FloatField(min_value=0, max_value=1)
    eta_seconds = serializers.FloatField(allow_null=True)
    rate = serializers.FloatField(help_text="Subtasks a second since it started")
    waiting_reason = serializers.CharField()
    counts = CountsSerializer()
    error = ErrorSerializer(allow_null=True)
    created = serializers.DateTimeField()
    started = serializers.DateTimeField(allow_null=True)
    finished = serializers.DateTimeField(allow_null=True)
    withdrawn = serializers.DateTimeField(
        allow_null=True,
        help_text="When a result that had been delivered turned out to be wrong; null: none did",
    )
    result_expires = serializers.DateTimeField(allow_null=True)
    contributions = ContributionSerializer(many=True)
    failures = FailureSerializer(many=True, help_text="The latest, the oldest of them first")

    def to_representation(self, task: Task) -> dict[str, Any]:
        stands = task_progress.of_task(task)
        row = {
            name: getattr(task, name)
            for name in (
                "kind",
                "title",
                "description",
                "status",
                "priority",
                "allow_partial",
                "subtask_seconds_max",
                "verify",
                "verify_asked",
            )
        }
        times = {
            name: _time(getattr(task, name))
            for name in ("created", "started", "finished", "withdrawn", "deadline")
        }
        return {
            "id": str(task.pk),
            "group": str(task.group_id),
            **row,
            "verification": _verification(task),
            "creator": _creator(task),
            "progress": stands.progress,
            "eta_seconds": stands.eta_seconds,
            "rate": stands.rate,
            "waiting_reason": task_progress.waiting_reason(task, stands),
            "counts": stands.counts,
            "error": _error(task),
            **times,
            "result_expires": _time(task_progress.result_expires(task)),
            "contributions": ContributionSerializer(
                contributions.of_task(task, stands), many=True
            ).data,
            "failures": FailureSerializer(contributions.failures(task, stands), many=True).data,
        }


def _time(moment: datetime | None) -> str | None:
    """As a DateTimeField writes it, so that all times of an answer look the same."""
    return serializers.DateTimeField().to_representation(moment) if moment else None


def _verification(task: Task) -> dict[str, Any] | None:
    return task.checked.shown() if task.checked else None


def _creator(task: Task) -> dict[str, str] | None:
    return {"id": str(task.creator.pk), "username": task.creator.username} if task.creator else None


def _error(task: Task) -> dict[str, str] | None:
    return {"code": task.error_code, "message": task.error_message} if task.error_code else None


class EventSerializer(serializers.Serializer):
    """One thing that happened to a task. `what` is a stable word, `text` a sentence."""

    at = serializers.DateTimeField()
    what = serializers.CharField()
    text = serializers.CharField()
    worker = NamedSerializer(allow_null=True)
    member = PersonSerializer(allow_null=True)
    subtasks = serializers.IntegerField()


class PartSerializer(serializers.Serializer):
    """One result that was accepted: whose it is, and whether it counts.

    `ranges` and `digest` are null as long as the task lives: whoever is checked could tell it by
    them.
    """

    number = serializers.IntegerField(help_text="Within the task, in the order in which they came")
    at = serializers.DateTimeField()
    worker = NamedSerializer(allow_null=True)
    member = PersonSerializer(allow_null=True)
    lease = serializers.CharField(help_text="The end of its id")
    subtasks = serializers.IntegerField(help_text="How many it is of")
    ranges = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        allow_null=True,
        help_text="Of them the first and the last of each run; null if there are many runs, too",
    )
    digest = serializers.CharField(
        allow_null=True, help_text="SHA-256 of the partial as it came, in hexadecimal"
    )
    state = serializers.ChoiceField(
        [COUNTS, CONFIRMED, TAKEN_OUT],
        help_text="confirmed: it counts, and another member computed the same",
    )
    why = serializers.CharField(allow_blank=True, help_text="It was taken out, if that is known")


class TakingOut(serializers.Serializer):
    """Whose results are taken out of a task, and why."""

    member = serializers.UUIDField(help_text="The id of the user whose workers computed them")
    reason = serializers.CharField(
        max_length=REASON_MAX,
        required=False,
        allow_blank=True,
        default="",
        validators=[check_printable],
        help_text="For the member, the task's log and the audit log",
    )


class TakenOutSerializer(serializers.Serializer):
    subtasks = serializers.IntegerField(help_text="How many are computed by others now")


class ParamsField(serializers.JSONField):
    """The kind's params: an object, or (beside a file) its JSON text."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            value = read_json(data) if isinstance(data, str) else data
        except ValueError as error:
            raise serializers.ValidationError(f"This cannot be read as JSON: {error}.") from None
        if not isinstance(value, dict):
            raise serializers.ValidationError("Params are a JSON object.")
        return value


class TaskSubmission(serializers.Serializer):
    """A new task.

    `group` is the group's id or name; `params` are those of the kind, see GET /api/kinds/.
    """

    group = serializers.CharField(max_length=64)
    kind = serializers.CharField(max_length=64)
    title = serializers.CharField(
        max_length=120,
        required=False,
        allow_blank=True,
        default="",
        validators=[check_printable],
    )
    description = serializers.CharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        default="",
        validators=[check_printable_lines],
    )
    params = ParamsField(required=False, default=dict)
    file = serializers.FileField(required=False, allow_empty_file=False)
    priority = serializers.ChoiceField(states.PRIORITIES, default=states.NORMAL)
    allow_partial = serializers.BooleanField(default=False)
    deadline = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="If it is not finished by then, it fails",
    )
    subtask_seconds_max = serializers.FloatField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0.1,
        help_text="How long one subtask may take; the kind's own limit if missing, "
        "which it may not exceed",
    )
    verify = serializers.ChoiceField(
        VERIFY,
        allow_blank=True,
        default="",
        help_text="How much of it other members' computers compute again; what the group says "
        "if missing, which raises what is less",
    )

    def validate_file(self, file: Any) -> Any:
        if file.size > settings.UPLOAD_BYTES_MAX:
            raise serializers.ValidationError(f"At most {settings.UPLOAD_BYTES_MAX:,} bytes.")
        return file


class TaskDraft(serializers.Serializer):
    """What is asked about before it is submitted."""

    group = serializers.CharField(max_length=64)
    kind = serializers.CharField(max_length=64)
    params = ParamsField(required=False, default=dict)
    file = serializers.FileField(required=False, allow_empty_file=False)


class TakerSerializer(serializers.Serializer):
    """A worker that is online and would take the task."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slots = serializers.IntegerField()
    member = PersonSerializer(source="owner")
    resting = serializers.CharField(help_text="Why it takes nothing now; empty if it does")
    limits = serializers.SerializerMethodField(
        help_text="What its owner does not agree to in this group, in words"
    )

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_limits(self, taker: Taker) -> list[str]:
        return consent.words(taker.agreed)


class RangeSerializer(serializers.Serializer):
    low = serializers.FloatField()
    high = serializers.FloatField()


class BinsSerializer(serializers.Serializer):
    first = serializers.FloatField(help_text="Lower edge of the first bin")
    width = serializers.FloatField()
    counts = serializers.ListField(child=serializers.IntegerField())


class ColumnSerializer(serializers.Serializer):
    """A column of a file of numbers."""

    column = serializers.CharField(
        help_text="What `params.column` says to choose it: its name, or its number"
    )
    number = serializers.IntegerField(help_text="1 for the first")
    read = serializers.BooleanField(help_text="Whether its numbers are among those of the task")
    count = serializers.IntegerField(help_text="How many numbers it has")
    min = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)
    histogram = BinsSerializer(allow_null=True)
    texts = serializers.IntegerField(help_text="Cells that are no numbers")
    missing = serializers.IntegerField(help_text="Cells that say that there is no number")
    empty = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer):
    """What a task would come to."""

    subtasks = serializers.IntegerField()
    exact = serializers.BooleanField(
        help_text="False: there are at least so many, they were not counted to the end"
    )
    input_bytes = serializers.IntegerField()
    payload_bytes = serializers.IntegerField(
        help_text="What travels to the workers in all, of the subtasks counted"
    )
    payload_bytes_max = serializers.IntegerField(help_text="The largest subtask's")
    workers = TakerSerializer(many=True)
    resting = TakerSerializer(many=True, help_text="Who would take it, and rests now")
    seconds = serializers.SerializerMethodField()
    summary = serializers.SerializerMethodField(help_text="What was understood of the input")
    skipped = serializers.ListField(
        child=serializers.CharField(),
        help_text="What was left out of the file, and why; the first of it",
    )
    columns = ColumnSerializer(many=True, help_text="Of a file with columns")
    choices = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Params beside the file with which it is read otherwise, and their values",
    )

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_summary(self, preview: Any) -> dict[str, str]:
        return dict(preview.summary)

    @extend_schema_field(RangeSerializer(allow_null=True))
    def get_seconds(self, preview: Any) -> dict[str, float] | None:
        return {"low": preview.seconds[0], "high": preview.seconds[1]} if preview.seconds else None


class KindSerializer(serializers.Serializer):
    """A kind of task.

    `params` is the JSON Schema of its input, `file_params` of what may be given beside a file.
    """

    name = serializers.CharField()
    title = serializers.CharField()
    version = serializers.CharField()
    network = serializers.ChoiceField(["none", "public"])
    file_suffixes = serializers.ListField(child=serializers.CharField())
    subtask_seconds_max = serializers.FloatField()
    params = serializers.JSONField()
    file_params = serializers.JSONField()

    def to_representation(self, kind: kinds.Kind) -> dict[str, Any]:
        plain = ("name", "title", "version", "network", "subtask_seconds_max")
        row = {name: getattr(kind, name) for name in plain}
        schemas = {
            "params": kinds.params_schema(kind),
            "file_params": kinds.file_params_schema(kind),
        }
        return {**row, "file_suffixes": list(kind.file_suffixes), **schemas}


class StandingSerializer(serializers.ModelSerializer):
    """How far a member's results of a kind are believed in a group."""

    checked_share = serializers.FloatField(
        min_value=0, max_value=1, help_text="Of their results, how many are computed by others, too"
    )

    class Meta:
        model = Standing
        fields: tuple[str, ...] = (
            "kind",
            "version",
            "agreements",
            "checked_share",
            "agreements_total",
            "disagreements_total",
            "last_disagreement",
        )
        read_only_fields = fields
        extra_kwargs = {
            "agreements": {"help_text": "Results in a row that others confirmed: the standing"},
            "agreements_total": {"help_text": "Results that others confirmed"},
            "disagreements_total": {"help_text": "Results that were wrong"},
        }


class OwnStandingSerializer(StandingSerializer):
    group = NamedSerializer()

    class Meta(StandingSerializer.Meta):
        fields = ("group", *StandingSerializer.Meta.fields)
        read_only_fields = fields


class WorkerRows(serializers.ListSerializer):
    """Reads the standing of all their owners at once."""

    def to_representation(self, data: Any) -> Any:
        workers = list(data)
        self.standings = trust.of_owners({one.owner_id for one in workers if one.owner_id})
        return super().to_representation(workers)


class WorkerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Worker
        list_serializer_class = WorkerRows
        plain = (
            "id",
            "name",
            "slots",
            "platform",
            "client_version",
            "created",
            "last_seen",
            "suspended",
        )
        fields = (*plain, "consent", "resting", "standing")
        read_only_fields = fields

    suspended = serializers.CharField(
        source="suspended_reason", help_text="Why it gets no work; empty if it does"
    )
    consent = serializers.JSONField(
        help_text='What its owner lets it do: {id of a group, or "*" for all others: limits}'
    )
    resting = serializers.SerializerMethodField(
        help_text="{name of a group: why it takes nothing of it now}"
    )

    standing = serializers.SerializerMethodField(
        help_text="Its owner's, in each of their groups: how far their results are believed"
    )

    @extend_schema_field(OwnStandingSerializer(many=True))
    def get_standing(self, worker: Worker) -> Any:
        rows, owner = self.parent, worker.owner_id
        if owner is None:
            return []
        known = rows.standings if isinstance(rows, WorkerRows) else trust.of_owners([owner])
        return OwnStandingSerializer(known.get(owner, []), many=True).data

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_resting(self, worker: Worker) -> dict[str, str]:
        return self.context.get("resting", {}).get(str(worker.pk), {})


class WorkerChange(serializers.Serializer):
    """Let a suspended worker back."""

    suspended = serializers.BooleanField(
        help_text="Only false: people let a worker back, they do not suspend it"
    )

    def validate_suspended(self, value: bool) -> bool:
        if value:
            raise serializers.ValidationError("Only false can be set.")
        return value
