"""The REST API of accounts. Views translate between JSON and services; services decide."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from rest_framework.views import APIView

from accounts import notifications, selectors, services
from accounts.api import serializers
from accounts.api.serializers import validated
from accounts.audit import address_of
from accounts.authentication import session_of, user_of
from accounts.models import Notification, Session, User, WorkerToken
from core.pagination import Pagination


def _signed_in(user: User, request: Request, status: int) -> Response:
    pair = services.open_session(user, request.headers.get("User-Agent", ""))
    body = {"user": user, "access": pair.access, "refresh": pair.refresh}
    return Response(serializers.SignedInSerializer(body).data, status=status)


class PublicView(APIView):
    """Open to all. It ignores tokens, so that an expired one does not prevent a log-in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class RegisterView(PublicView):
    throttles = {"POST": ("register",)}

    @extend_schema(
        summary="Register and log in",
        request=serializers.Registration,
        responses={201: serializers.SignedInSerializer},
    )
    def post(self, request: Request) -> Response:
        user = services.register(**validated(serializers.Registration, request))
        return _signed_in(user, request, HTTP_201_CREATED)


class LoginView(PublicView):
    @extend_schema(
        summary="Log in with a password",
        request=serializers.Login,
        responses=serializers.SignedInSerializer,
    )
    def post(self, request: Request) -> Response:
        """After too many failures 429 `too_many_attempts`, whether or not the account exists."""
        data = validated(serializers.Login, request)
        user = services.check_credentials(request=request._request, **data)
        return _signed_in(user, request, HTTP_200_OK)


class RefreshView(PublicView):
    throttles = {"POST": ("refresh",)}

    @extend_schema(
        summary="Get a new pair of tokens",
        request=serializers.Refresh,
        responses=serializers.TokenPairSerializer,
    )
    def post(self, request: Request) -> Response:
        pair = services.refresh_session(**validated(serializers.Refresh, request))
        return Response({"access": pair.access, "refresh": pair.refresh})


class LogoutView(PublicView):
    @extend_schema(summary="Log out", request=serializers.LogOut, responses={204: None})
    def post(self, request: Request) -> Response:
        """The session and its access tokens end. A worker token that is named ends, too; one that
        is not valid is ignored.
        """
        services.log_out(**validated(serializers.LogOut, request))
        return Response(status=HTTP_204_NO_CONTENT)


class LogoutEverywhereView(APIView):
    @extend_schema(summary="Log out everywhere", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Every session ends, also this one and those of browsers. Worker tokens stay valid: revoke
        each of them by itself.
        """
        services.end_all_sessions(user_of(request))
        return Response(status=HTTP_204_NO_CONTENT)


class PasswordResetView(PublicView):
    @extend_schema(
        summary="Ask for a link to reset a password",
        request=serializers.PasswordResetAsk,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """If there is an account with this address, a link is sent there by e-mail. The answer is
        the same if there is none.
        """
        data = validated(serializers.PasswordResetAsk, request)
        services.ask_password_reset(data["email"], address_of(request._request))
        return Response(status=HTTP_204_NO_CONTENT)


class PasswordResetConfirmView(PublicView):
    throttles = {"POST": ("login",)}

    @extend_schema(
        summary="Set a new password with the link",
        request=serializers.PasswordReset,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Set a new password by the link of an e-mail. Every session ends, and so does every worker
        token, except those that are named.
        """
        data = validated(serializers.PasswordReset, request)
        services.reset_password(
            data["uid"], data["token"], data["password"], data["keep_worker_tokens"]
        )
        return Response(status=HTTP_204_NO_CONTENT)


class PasswordResetTokensView(PublicView):
    throttles = {"POST": ("login",)}

    @extend_schema(
        summary="List the worker tokens that a reset revokes",
        request=serializers.PasswordResetLink,
        responses=serializers.EarlierTokenSerializer(many=True),
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Whoever had the account before may have made them. The link is in the body, because URLs
        are logged.
        """
        found = services.tokens_at_reset(**validated(serializers.PasswordResetLink, request))
        return Response(serializers.EarlierTokenSerializer(found, many=True).data)


class EmailConfirmTokensView(PublicView):
    throttles = {"POST": ("login",)}

    @extend_schema(
        summary="List the worker tokens that a confirmation revokes",
        request=serializers.EmailLink,
        responses=serializers.EarlierTokenSerializer(many=True),
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """None, unless another account has the same address unconfirmed."""
        found = services.tokens_at_confirmation(**validated(serializers.EmailLink, request))
        return Response(serializers.EarlierTokenSerializer(found, many=True).data)


class EmailConfirmView(PublicView):
    throttles = {"POST": ("login",)}

    @extend_schema(
        summary="Confirm an e-mail address with the link",
        request=serializers.EmailConfirmation,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """The link of an e-mail was followed: its address becomes the account's confirmed one. If
        another account has the same address unconfirmed, worker tokens end, except those named.
        """
        services.confirm_email(**validated(serializers.EmailConfirmation, request))
        return Response(status=HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(summary="List your sessions"))
class SessionsView(ListAPIView):
    serializer_class = serializers.SessionSerializer
    queryset = Session.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Session]:
        return services.sessions_of(user_of(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "this": session_of(self.request)}


class SessionView(APIView):
    @extend_schema(summary="End a session", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Log out on one device."""
        services.end_session(user_of(request), pk)
        return Response(status=HTTP_204_NO_CONTENT)


class MeView(APIView):
    @extend_schema(
        summary="Show your profile",
        operation_id="users_me_retrieve",
        responses=serializers.ProfileSerializer,
    )
    def get(self, request: Request) -> Response:
        return Response(serializers.ProfileSerializer(user_of(request)).data)

    @extend_schema(
        summary="Change your profile",
        request=serializers.ProfileChange,
        responses=serializers.ProfileSerializer,
    )
    def patch(self, request: Request) -> Response:
        """A new e-mail address needs `password`. The old address gets a message about it."""
        user = services.update_profile(
            user_of(request), **validated(serializers.ProfileChange, request)
        )
        return Response(serializers.ProfileSerializer(user).data)

    @extend_schema(
        summary="Delete your account (deprecated)", responses={204: None}, deprecated=True
    )
    def delete(self, request: Request) -> Response:
        """Use POST /api/users/me/delete/ instead: OpenAPI allows no body for DELETE."""
        services.delete_account(
            user=user_of(request), **validated(serializers.AccountDeletion, request)
        )
        return Response(status=HTTP_204_NO_CONTENT)


class MeDeleteView(APIView):
    @extend_schema(
        summary="Delete your account", request=serializers.AccountDeletion, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """The account is deleted; this cannot be undone. Its groups pass to the next in line, its
        running tasks are cancelled, and the statistics keep what its workers did, without a name.
        """
        services.delete_account(
            user=user_of(request), **validated(serializers.AccountDeletion, request)
        )
        return Response(status=HTTP_204_NO_CONTENT)


class ConfirmationView(APIView):
    @extend_schema(
        summary="Send the confirmation e-mail again", request=None, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Send the link to confirm the address again; nothing if it is confirmed."""
        services.send_confirmation(user_of(request))
        return Response(status=HTTP_204_NO_CONTENT)


class PasswordView(APIView):
    throttles = {"POST": ("login",)}

    @extend_schema(
        summary="Change your password", request=serializers.PasswordChange, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Every other session of the user ends; the one that asks stays."""
        data = validated(serializers.PasswordChange, request)
        services.change_password(
            user=user_of(request),
            old=data["old_password"],
            new=data["new_password"],
            keep=session_of(request),
            request=request._request,
        )
        return Response(status=HTTP_204_NO_CONTENT)


@extend_schema(parameters=[OpenApiParameter("search", str, description="Part of a user name")])
@extend_schema_view(get=extend_schema(summary="Search for users"))
class PeopleView(ListAPIView):
    throttles = {"GET": ("search",)}
    serializer_class = serializers.PersonSerializer
    queryset = User.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[User]:
        return selectors.people(self.request.query_params.get("search", ""))


@extend_schema_view(get=extend_schema(summary="List your worker tokens"))
class WorkerTokensView(ListAPIView):
    serializer_class = serializers.WorkerTokenSerializer
    queryset = WorkerToken.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[WorkerToken]:
        return selectors.worker_tokens_of(user_of(self.request))

    @extend_schema(
        summary="Make a worker token",
        request=serializers.WorkerTokenSerializer,
        responses={201: serializers.NewWorkerTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """The answer shows the token's text, once."""
        row, text = services.create_worker_token(
            owner=user_of(request), **validated(serializers.WorkerTokenSerializer, request)
        )
        body = {**serializers.WorkerTokenSerializer(row).data, "token": text}
        return Response(body, status=HTTP_201_CREATED)


class WorkerTokenView(APIView):
    @extend_schema(summary="Revoke a worker token", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        services.revoke_worker_token(owner=user_of(request), token_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class NotificationFilter(django_filters.FilterSet):
    unread = django_filters.BooleanFilter(field_name="read", lookup_expr="isnull")


class NotificationPagination(Pagination):
    """Every page also says how many notifications are unread."""

    asker: User

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        self.asker = user_of(request)
        return super().paginate_queryset(queryset, request, view)

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        response.data["unread"] = selectors.unread_count(self.asker)
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["properties"]["unread"] = {"type": "integer", "example": 3}
        page["required"] = [*page.get("required", []), "unread"]
        return page


@extend_schema_view(get=extend_schema(summary="List your notifications"))
class NotificationsView(ListAPIView):
    serializer_class = serializers.NotificationSerializer
    pagination_class = NotificationPagination
    filterset_class = NotificationFilter
    queryset = Notification.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Notification]:
        return selectors.notifications_of(user_of(self.request))

    @extend_schema(
        summary="Delete all notifications",
        operation_id="notifications_clear",
        responses={204: None},
        filters=False,
    )
    def delete(self, request: Request) -> Response:
        """All of them, read or not."""
        notifications.delete_all(user_of(request))
        return Response(status=HTTP_204_NO_CONTENT)


class NotificationView(APIView):
    @extend_schema(summary="Delete a notification", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        notifications.delete(user=user_of(request), notification_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class NotificationsReadView(APIView):
    @extend_schema(
        summary="Mark all notifications as read",
        operation_id="notifications_read_all",
        request=None,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """All of them are read."""
        notifications.mark_all_read(user_of(request))
        return Response(status=HTTP_204_NO_CONTENT)


class NotificationReadView(APIView):
    @extend_schema(summary="Mark a notification as read", request=None, responses={204: None})
    def post(self, request: Request, pk: UUID) -> Response:
        notifications.mark_read(user=user_of(request), notification_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)
