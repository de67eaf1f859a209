"""REST: tasks, kinds and workers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.serializers import validated
from accounts.authentication import user_of
from core.errors import Invalid
from core.parsers import JSONBody
from firmlight_client import kinds
from groups import selectors as group_selectors
from tasks.api.serializers import (
    EventSerializer,
    KindSerializer,
    PartSerializer,
    PreviewSerializer,
    StandingSerializer,
    TakenOutSerializer,
    TakingOut,
    TaskBriefSerializer,
    TaskDraft,
    TaskSerializer,
    TaskSubmission,
    WorkerChange,
    WorkerSerializer,
)
from tasks.filters import TaskFilter
from tasks.models import Standing, Task, Worker
from tasks.selectors import history, parts, presence, trust, visibility
from tasks.services import control, deliver, taking_out, workers
from tasks.services.preview import preview_task
from tasks.services.submit import submit_task

KEY_CHARS_MAX = 200
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=f"Names this submission, 1 to {KEY_CHARS_MAX} characters: "
    "a second one with the same key makes no second task",
)

VERIFICATION = OpenApiParameter(
    deliver.VERIFICATION_HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="`verification` of the task as JSON; missing if that is null",
    response=[200],
)


def key_of(request: Request) -> str:
    """The key of this submission; "" if it has none. Raises Invalid."""
    key: str = request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_CHARS_MAX:
        raise Invalid(f"Idempotency-Key has at most {KEY_CHARS_MAX} characters.")
    return key


@extend_schema_view(
    list=extend_schema(summary="List tasks"), retrieve=extend_schema(summary="Show a task")
)
class TaskViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Tasks of the groups you are in, newest first."""

    throttles = {"POST": ("submit", "upload")}
    serializer_class = TaskSerializer
    filterset_class = TaskFilter
    parser_classes = (JSONBody, MultiPartParser)
    lookup_value_converter = "uuid"
    queryset = Task.objects.none()

    def get_queryset(self) -> QuerySet[Task]:
        user = user_of(self.request)
        if self.action == "list":
            return visibility.task_list_of(user)
        return visibility.tasks_visible_to(user)

    def get_serializer_class(self) -> Any:
        return TaskBriefSerializer if self.action == "list" else TaskSerializer

    @extend_schema(
        summary="Submit a task",
        request=TaskSubmission,
        responses={201: TaskSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Submit a task to a group."""
        task = submit_task(
            author=user_of(request), **validated(TaskSubmission, request), key=key_of(request)
        )
        return Response(TaskSerializer(task).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Estimate a task before submitting it",
        request=TaskDraft,
        responses=PreviewSerializer,
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a task would come to: subtasks, workers and time. Nothing is stored."""
        found = preview_task(author=user_of(request), **validated(TaskDraft, request))
        return Response(PreviewSerializer(found).data)

    @extend_schema(summary="Cancel a task", request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Cancel the task; workers that run it stop."""
        control.cancel(user=user_of(request), task=self.get_object())
        return Response(TaskSerializer(self.get_object()).data)

    @extend_schema(summary="Pause a task", request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: UUID) -> Response:
        """Stop its workers; what is computed stays, and `resume` continues."""
        control.pause(user=user_of(request), task=self.get_object())
        return Response(TaskSerializer(self.get_object()).data)

    @extend_schema(summary="Resume a task", request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: UUID) -> Response:
        """Continue a paused task."""
        control.resume(user=user_of(request), task=self.get_object())
        return Response(TaskSerializer(self.get_object()).data)

    @extend_schema(
        summary="List the events of a task",
        request=None,
        responses=EventSerializer(many=True),
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def events(self, request: Request, pk: UUID) -> Response:
        """What has happened to the task, the latest first: split, leased, done, lost, failed …"""
        page = self.paginate_queryset(history.events(self.get_object()))
        return self.get_paginated_response(EventSerializer(page, many=True).data)

    @extend_schema(
        summary="List the results that a task is made of",
        request=None,
        responses=PartSerializer(many=True),
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def parts(self, request: Request, pk: UUID) -> Response:
        """Which result came from whom, the latest first; and those that were taken out, and why."""
        page = self.paginate_queryset(parts.of_task(self.get_object()))
        return self.get_paginated_response(PartSerializer(page, many=True).data)

    @extend_schema(
        summary="Take a member's results out of a running task",
        request=TakingOut,
        responses=TakenOutSerializer,
    )
    @action(detail=True, methods=["post"], url_path="take-out")
    def take_out(self, request: Request, pk: UUID) -> Response:
        """Let others compute what this member computed. For the group's owner and moderators."""
        task = self.get_object()
        asked = validated(TakingOut, request)
        subtasks = taking_out.take_out(user=user_of(request), task=task, **asked)
        return Response(TakenOutSerializer({"subtasks": subtasks}).data)

    @extend_schema(
        summary="Get the result of a task",
        request=None,
        responses={200: OpenApiTypes.ANY},
        parameters=[VERIFICATION],
    )
    @action(detail=True, methods=["get"])
    def result(self, request: Request, pk: UUID) -> HttpResponse:
        """The result itself, as the kind makes it; a header says how it was checked."""
        task = self.get_object()
        return HttpResponse(
            deliver.result_of(task),
            content_type="application/json",
            headers=deliver.headers_of(task),
        )


class KindList(APIView):
    """The kinds that this server can split."""

    @extend_schema(
        summary="List the kinds of tasks",
        responses=KindSerializer(many=True),
        operation_id="kinds_list",
    )
    def get(self, request: Request) -> Response:
        return Response(KindSerializer(list(kinds.listed().values()), many=True).data)


@extend_schema_view(
    list=extend_schema(summary="List workers"), retrieve=extend_schema(summary="Show a worker")
)
class WorkerViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Your own machines; to moderators, everybody's."""

    serializer_class = WorkerSerializer
    lookup_value_converter = "uuid"
    queryset = Worker.objects.none()

    def get_queryset(self) -> QuerySet[Worker]:
        return visibility.workers_visible_to(user_of(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        groups = []
        if not getattr(self, "swagger_fake_view", False):  # drf-spectacular's has no user
            groups = list(group_selectors.groups_of(user_of(self.request)))
        return {**super().get_serializer_context(), "resting": presence.resting_in(groups)}

    @extend_schema(
        summary="Let a suspended worker back", request=WorkerChange, responses=WorkerSerializer
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Let a suspended worker back: {"suspended": false}."""
        worker = self.get_object()
        validated(WorkerChange, request)
        workers.let_back(worker, by=user_of(request))
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(summary="Drain a worker", request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def drain(self, request: Request, pk: UUID) -> Response:
        """Ask it to finish its leases and then leave."""
        workers.drain(self.get_object(), by=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(summary="Show the standing of a member"))
class MemberStandingView(ListAPIView):
    """How far this member's results are believed in the group, by kind. For its members."""

    serializer_class = StandingSerializer
    queryset = Standing.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Standing]:
        group, member = self.kwargs["pk"], self.kwargs["user"]
        group_selectors.membership_or_not_found(user_of(self.request), group)
        group_selectors.member_or_not_found(group, member)
        return trust.of_member(group, member)
