"""The ways into a group: invitations, requests to join, links."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from rest_framework.views import APIView

from accounts.api.serializers import validated
from accounts.authentication import user_of
from groups import selectors, services
from groups.api import serializers
from groups.api.groups import card
from groups.models import Invitation, InviteLink, JoinRequest
from groups.services.invitations import INVITED, JOINED

ANSWERS = serializers.InvitationAnswerSerializer(many=True)


@extend_schema_view(get=extend_schema(summary="List a group's open invitations"))
class GroupInvitationsView(ListAPIView):
    serializer_class = serializers.InvitationSerializer
    throttles = {"POST": ("invite",)}
    queryset = Invitation.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Invitation]:
        services.require_leader(user_of(self.request), self.kwargs["pk"])
        return selectors.open_invitations_to(self.kwargs["pk"])

    @extend_schema(
        summary="Invite users to a group",
        request=serializers.InvitationForm,
        responses={201: ANSWERS, 200: OpenApiResponse(ANSWERS, description="Nobody was invited.")},
        filters=False,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """One answer for each name: 201 if anybody was invited or has joined, 200 if not."""
        services.require_leader(user_of(request), pk)
        form = validated(serializers.InvitationForm, request)
        answers = services.invite(inviter=user_of(request), group_id=pk, **form)
        done = any(answer.outcome in (INVITED, JOINED) for answer in answers)
        body = serializers.InvitationAnswerSerializer(answers, many=True).data
        return Response(body, status=HTTP_201_CREATED if done else HTTP_200_OK)


class GroupInvitationView(APIView):
    @extend_schema(summary="Withdraw an invitation", responses={204: None})
    def delete(self, request: Request, pk: UUID, invitation: UUID) -> Response:
        """Withdraw it."""
        services.withdraw(leader=user_of(request), group_id=pk, invitation_id=invitation)
        return Response(status=HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(summary="List your open invitations"))
class InvitationsView(ListAPIView):
    """The user's own open invitations."""

    serializer_class = serializers.InvitationSerializer
    queryset = Invitation.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Invitation]:
        return selectors.open_invitations_of(user_of(self.request))


class AcceptView(APIView):
    @extend_schema(
        summary="Accept an invitation", request=None, responses=serializers.GroupSerializer
    )
    def post(self, request: Request, pk: UUID) -> Response:
        membership = services.accept(user=user_of(request), invitation_id=pk)
        return Response(card(user_of(request), membership.group_id))


class DeclineView(APIView):
    @extend_schema(summary="Decline an invitation", request=None, responses={204: None})
    def post(self, request: Request, pk: UUID) -> Response:
        services.decline(user=user_of(request), invitation_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class AcceptAllView(APIView):
    @extend_schema(
        summary="Accept all invitations", request=None, responses=serializers.AcceptedAllSerializer
    )
    def post(self, request: Request) -> Response:
        joined = services.accept_all(user_of(request))
        return Response({"joined": [membership.group_id for membership in joined]})


class DeclineAllView(APIView):
    @extend_schema(
        summary="Decline all invitations", request=None, responses=serializers.DeclinedAllSerializer
    )
    def post(self, request: Request) -> Response:
        return Response({"declined": services.decline_all(user_of(request))})


@extend_schema_view(get=extend_schema(summary="List a group's open requests to join"))
class GroupRequestsView(ListAPIView):
    """The open join requests to the group, for its leaders."""

    serializer_class = serializers.JoinRequestSerializer
    throttles = {"POST": ("join",)}
    queryset = JoinRequest.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[JoinRequest]:
        services.require_leader(user_of(self.request), self.kwargs["pk"])
        return selectors.open_requests_to(self.kwargs["pk"])

    @extend_schema(
        summary="Ask to join a group",
        request=None,
        responses=serializers.AskedSerializer,
        filters=False,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Ask to join, where the group allows it. To ask again gives the same request. A user who
        is invited joins immediately.
        """
        found = services.ask_to_join(user=user_of(request), group_id=pk)
        if isinstance(found, JoinRequest):
            return Response({"outcome": "asked", "request": found.pk})
        return Response({"outcome": "joined", "request": None})


class AcceptRequestView(APIView):
    @extend_schema(summary="Accept a request to join", request=None, responses={204: None})
    def post(self, request: Request, pk: UUID, asked: UUID) -> Response:
        services.answer_request(
            leader=user_of(request), group_id=pk, request_id=asked, accepted=True
        )
        return Response(status=HTTP_204_NO_CONTENT)


class DeclineRequestView(APIView):
    @extend_schema(summary="Decline a request to join", request=None, responses={204: None})
    def post(self, request: Request, pk: UUID, asked: UUID) -> Response:
        services.answer_request(
            leader=user_of(request), group_id=pk, request_id=asked, accepted=False
        )
        return Response(status=HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(summary="List your open requests to join"))
class RequestsView(ListAPIView):
    """The user's own open join requests."""

    serializer_class = serializers.JoinRequestSerializer
    queryset = JoinRequest.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return selectors.open_requests_of(user_of(self.request))


class RequestView(APIView):
    @extend_schema(summary="Withdraw a request to join", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Withdraw it."""
        services.withdraw_request(user=user_of(request), request_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(summary="List a group's open links"))
class LinksView(ListAPIView):
    """The group's links that can still be used, for its leaders; without their codes."""

    serializer_class = serializers.LinkSerializer
    throttles = {"POST": ("invite",)}
    queryset = InviteLink.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[InviteLink]:
        services.require_leader(user_of(self.request), self.kwargs["pk"])
        return selectors.links_of(self.kwargs["pk"])

    @extend_schema(
        summary="Make a link to a group",
        request=serializers.LinkForm,
        responses={201: serializers.NewLinkSerializer},
        filters=False,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        services.require_leader(user_of(request), pk)
        form = validated(serializers.LinkForm, request)
        link, code = services.make_link(maker=user_of(request), group_id=pk, **form)
        body = {**serializers.LinkSerializer(link).data, "code": code}
        return Response(body, status=HTTP_201_CREATED)


class LinkView(APIView):
    @extend_schema(summary="Withdraw a link", responses={204: None})
    def delete(self, request: Request, pk: UUID, link: UUID) -> Response:
        """Withdraw it."""
        services.withdraw_link(leader=user_of(request), group_id=pk, link_id=link)
        return Response(status=HTTP_204_NO_CONTENT)


class JoinView(APIView):
    throttles = {"POST": ("join",)}  # codes must not be guessed

    @extend_schema(
        summary="Join a group with the code of a link",
        request=serializers.CodeForm,
        responses=serializers.GroupSerializer,
    )
    def post(self, request: Request) -> Response:
        """Join a group by the code of a link. The code is in the body, because URLs are logged."""
        membership = services.join_by_code(
            user=user_of(request), **validated(serializers.CodeForm, request)
        )
        return Response(card(user_of(request), membership.group_id))
