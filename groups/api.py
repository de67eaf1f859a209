"""The REST addresses of groups and invitations: they translate, services decide."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from rest_framework.views import APIView

from accounts.authentication import user_of
from accounts.models import User
from accounts.serializers import validated
from firmlight.errors import NotFound
from groups import selectors, serializers, services
from groups.models import Invitation, Membership


def _card(user: User, group_id: UUID) -> dict:
    """The group as this member sees it. Raises NotFound for a stranger."""
    membership = selectors.group_cards(user).filter(group=group_id).first()
    if membership is None:
        raise NotFound
    return serializers.GroupSerializer(membership).data


class GroupsView(ListAPIView):
    serializer_class = serializers.GroupSerializer
    queryset = Membership.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Membership]:
        return selectors.group_cards(user_of(self.request))

    @extend_schema(request=serializers.GroupForm, responses={201: serializers.GroupSerializer})
    def post(self, request: Request) -> Response:
        group = services.create_group(owner=user_of(request), **validated(serializers.GroupForm, request))
        return Response(_card(user_of(request), group.pk), status=HTTP_201_CREATED)


class GroupView(APIView):
    @extend_schema(responses=serializers.GroupSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(_card(user_of(request), pk))

    @extend_schema(request=serializers.GroupChange, responses=serializers.GroupSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        selectors.membership_or_not_found(user_of(request), pk)  # a stranger is not told what is wrong with his input
        services.update_group(editor=user_of(request), group_id=pk, **validated(serializers.GroupChange, request))
        return Response(_card(user_of(request), pk))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """For its owner. All that is in the group goes with it: memberships, invitations, tasks, results."""
        services.delete_group(user=user_of(request), group_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class LeaveView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: UUID) -> Response:
        """An owner's group passes to the longest moderator or member; with its last member it is deleted."""
        services.leave_group(user=user_of(request), group_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class MembersView(ListAPIView):
    serializer_class = serializers.MemberSerializer
    queryset = Membership.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Membership]:
        selectors.membership_or_not_found(user_of(self.request), self.kwargs["pk"])
        return selectors.members_of(self.kwargs["pk"])


class MemberView(APIView):
    @extend_schema(operation_id="groups_member_retrieve", responses=serializers.MemberSerializer)
    def get(self, request: Request, pk: UUID, user: UUID) -> Response:
        selectors.membership_or_not_found(user_of(request), pk)
        return Response(serializers.MemberSerializer(selectors.member_or_not_found(pk, user)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID, user: UUID) -> Response:
        """The owner removes everyone but himself, moderators remove plain members."""
        services.remove_member(remover=user_of(request), group_id=pk, user_id=user)
        return Response(status=HTTP_204_NO_CONTENT)


class GroupInvitationsView(ListAPIView):
    throttles = {"POST": ("invite",)}
    serializer_class = serializers.InvitationSerializer
    queryset = Invitation.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Invitation]:
        services.require_leader(user_of(self.request), self.kwargs["pk"])
        return selectors.open_invitations_to(self.kwargs["pk"])

    @extend_schema(
        request=serializers.InvitationForm, responses={201: serializers.InvitationSerializer(many=True)}, filters=False
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """All of them are invited, or nobody if one name is no good."""
        services.require_leader(user_of(request), pk)
        invitations = services.invite(
            inviter=user_of(request), group_id=pk, **validated(serializers.InvitationForm, request)
        )
        return Response(serializers.InvitationSerializer(invitations, many=True).data, status=HTTP_201_CREATED)


class InvitationsView(ListAPIView):
    serializer_class = serializers.InvitationSerializer
    queryset = Invitation.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Invitation]:
        return selectors.open_invitations_of(user_of(self.request))


class AcceptView(APIView):
    @extend_schema(request=None, responses=serializers.GroupSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        membership = services.accept(user=user_of(request), invitation_id=pk)
        return Response(_card(user_of(request), membership.group_id))


class DeclineView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: UUID) -> Response:
        services.decline(user=user_of(request), invitation_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)
