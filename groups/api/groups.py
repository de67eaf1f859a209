"""Groups and their members."""

from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from rest_framework.views import APIView

from accounts.api.serializers import validated
from accounts.authentication import user_of
from accounts.models import User
from core.errors import NotFound
from groups import selectors, services, states
from groups.api import serializers
from groups.models import NAME_MAX, Group, Membership


def card(user: User, group_id: UUID) -> dict:
    """The group as this member sees it. Raises NotFound for a stranger."""
    membership = selectors.group_cards(user).filter(group=group_id).first()
    if membership is None:
        raise NotFound
    return serializers.GroupSerializer(membership).data


class SearchFilter(filters.FilterSet):
    search = filters.CharFilter(
        method="narrow", max_length=4 * NAME_MAX, help_text="In name or description"
    )

    def narrow(self, rows: QuerySet, name: str, text: str) -> QuerySet:
        return selectors.matching(rows, text)


class CardFilter(SearchFilter):
    starred = filters.BooleanFilter()
    role = filters.ChoiceFilter(choices=[(role, role) for role in states.ROLES], help_text="Yours")


@extend_schema_view(get=extend_schema(summary="List your groups"))
class GroupsView(ListAPIView):
    """The user's own groups, starred ones first."""

    serializer_class = serializers.GroupSerializer
    queryset = Membership.objects.none()  # for the schema
    filterset_class = CardFilter

    def get_queryset(self) -> QuerySet[Membership]:
        return selectors.group_cards(user_of(self.request))

    @extend_schema(
        summary="Make a group",
        request=serializers.GroupForm,
        responses={201: serializers.GroupSerializer},
    )
    def post(self, request: Request) -> Response:
        group = services.create_group(
            owner=user_of(request), **validated(serializers.GroupForm, request)
        )
        return Response(card(user_of(request), group.pk), status=HTTP_201_CREATED)


@extend_schema_view(get=extend_schema(summary="List groups you may ask to join"))
class JoinableView(ListAPIView):
    """The groups that the user may ask to join."""

    serializer_class = serializers.JoinableSerializer
    throttles = {"GET": ("search",)}
    queryset = Group.objects.none()  # for the schema
    filterset_class = SearchFilter

    def get_queryset(self) -> QuerySet[Group]:
        return selectors.joinable_groups(user_of(self.request))


class GroupView(APIView):
    @extend_schema(summary="Show a group", responses=serializers.GroupSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(card(user_of(request), pk))

    @extend_schema(
        summary="Change a group",
        request=serializers.GroupChange,
        responses=serializers.GroupSerializer,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        """For its owner; moderators may change `verify_default` alone."""
        # Before the input is checked: other users shall not see what is wrong with it.
        services.require_leader(user_of(request), pk)
        services.update_group(
            editor=user_of(request), group_id=pk, **validated(serializers.GroupChange, request)
        )
        return Response(card(user_of(request), pk))

    @extend_schema(summary="Delete a group", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """For its owner. It also deletes all that is in the group: memberships, invitations, tasks
        and results.
        """
        services.delete_group(user=user_of(request), group_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class StarView(APIView):
    @extend_schema(
        summary="Star a group, or remove the star",
        request=serializers.StarForm,
        responses=serializers.GroupSerializer,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Starred groups come first in the user's own list; nobody else sees the star."""
        selectors.membership_or_not_found(user_of(request), pk)
        services.star(
            user=user_of(request), group_id=pk, **validated(serializers.StarForm, request)
        )
        return Response(card(user_of(request), pk))


class LeaveView(APIView):
    @extend_schema(summary="Leave a group", request=None, responses={204: None})
    def post(self, request: Request, pk: UUID) -> Response:
        """If the owner leaves, the longest moderator or member becomes the owner. With its last
        member the group is deleted.
        """
        services.leave_group(user=user_of(request), group_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class HandOverView(APIView):
    @extend_schema(
        summary="Hand a group over to another member",
        request=serializers.HandOverForm,
        responses=serializers.GroupSerializer,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """For the owner, who becomes a moderator."""
        services.require_owner(user_of(request), pk)
        member = validated(serializers.HandOverForm, request)["user"]
        services.hand_over(owner=user_of(request), group_id=pk, user_id=member)
        return Response(card(user_of(request), pk))


@extend_schema_view(get=extend_schema(summary="List the members of a group"))
class MembersView(ListAPIView):
    serializer_class = serializers.MemberSerializer
    queryset = Membership.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Membership]:
        selectors.membership_or_not_found(user_of(self.request), self.kwargs["pk"])
        return selectors.members_of(self.kwargs["pk"])


class MemberView(APIView):
    @extend_schema(
        summary="Show a member",
        operation_id="groups_member_retrieve",
        responses=serializers.MemberSerializer,
    )
    def get(self, request: Request, pk: UUID, user: UUID) -> Response:
        selectors.membership_or_not_found(user_of(request), pk)
        return Response(serializers.MemberSerializer(selectors.member_or_not_found(pk, user)).data)

    @extend_schema(
        summary="Change the role or rights of a member",
        request=serializers.MemberChange,
        responses=serializers.MemberSerializer,
    )
    def patch(self, request: Request, pk: UUID, user: UUID) -> Response:
        """The role, for the owner; whether a plain member may submit, for owner and moderators."""
        services.require_leader(user_of(request), pk)
        change = validated(serializers.MemberChange, request)
        if role := change.get("role"):
            services.set_role(owner=user_of(request), group_id=pk, user_id=user, role=role)
        if exception := change.get("submitting"):
            services.set_submitting(
                leader=user_of(request), group_id=pk, user_id=user, submitting=exception
            )
        return Response(serializers.MemberSerializer(selectors.member_or_not_found(pk, user)).data)

    @extend_schema(summary="Remove a member", responses={204: None})
    def delete(self, request: Request, pk: UUID, user: UUID) -> Response:
        """The owner removes any other member, moderators remove plain members."""
        services.remove_member(remover=user_of(request), group_id=pk, user_id=user)
        return Response(status=HTTP_204_NO_CONTENT)
