"""The REST addresses of accounts: they translate, services decide."""

from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from rest_framework.views import APIView

from accounts import notifications, selectors, serializers, services
from accounts.authentication import session_of, user_of
from accounts.models import Notification, User, WorkerToken
from accounts.serializers import validated


def _signed_in(user: User, request: Request, status: int) -> Response:
    pair = services.open_session(user, request.headers.get("User-Agent", ""))
    body = {"user": user, "access": pair.access, "refresh": pair.refresh}
    return Response(serializers.SignedInSerializer(body).data, status=status)


class PublicView(APIView):
    """Open to all. No authentication: an expired token in the header must not keep anybody from logging in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class RegisterView(PublicView):
    @extend_schema(request=serializers.Registration, responses={201: serializers.SignedInSerializer})
    def post(self, request: Request) -> Response:
        user = services.register(**validated(serializers.Registration, request))
        return _signed_in(user, request, HTTP_201_CREATED)


class LoginView(PublicView):
    @extend_schema(request=serializers.Login, responses=serializers.SignedInSerializer)
    def post(self, request: Request) -> Response:
        user = services.check_credentials(**validated(serializers.Login, request))
        return _signed_in(user, request, HTTP_200_OK)


class RefreshView(PublicView):
    @extend_schema(request=serializers.Refresh, responses=serializers.TokenPairSerializer)
    def post(self, request: Request) -> Response:
        pair = services.refresh_session(**validated(serializers.Refresh, request))
        return Response({"access": pair.access, "refresh": pair.refresh})


class LogoutView(PublicView):
    @extend_schema(request=serializers.Refresh, responses={204: None})
    def post(self, request: Request) -> Response:
        services.log_out(**validated(serializers.Refresh, request))
        return Response(status=HTTP_204_NO_CONTENT)


class MeView(APIView):
    @extend_schema(operation_id="users_me_retrieve", responses=serializers.UserSerializer)
    def get(self, request: Request) -> Response:
        return Response(serializers.UserSerializer(user_of(request)).data)

    @extend_schema(request=serializers.ProfileChange, responses=serializers.UserSerializer)
    def patch(self, request: Request) -> Response:
        user = services.update_profile(user_of(request), **validated(serializers.ProfileChange, request))
        return Response(serializers.UserSerializer(user).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Body: `{"password"}`. The account goes for good, its groups pass to the next in line."""
        services.delete_account(user=user_of(request), **validated(serializers.AccountDeletion, request))
        return Response(status=HTTP_204_NO_CONTENT)


class PasswordView(APIView):
    @extend_schema(request=serializers.PasswordChange, responses={204: None})
    def post(self, request: Request) -> Response:
        """Every other session of the user ends; the one that asks stays."""
        data = validated(serializers.PasswordChange, request)
        services.change_password(
            user=user_of(request), old=data["old_password"], new=data["new_password"], keep=session_of(request)
        )
        return Response(status=HTTP_204_NO_CONTENT)


@extend_schema(parameters=[OpenApiParameter("search", str, description="Part of a user name")])
class PeopleView(ListAPIView):
    serializer_class = serializers.PersonSerializer
    queryset = User.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[User]:
        return selectors.people(self.request.query_params.get("search", ""))


class WorkerTokensView(ListAPIView):
    serializer_class = serializers.WorkerTokenSerializer
    queryset = WorkerToken.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[WorkerToken]:
        return selectors.worker_tokens_of(user_of(self.request))

    @extend_schema(request=serializers.WorkerTokenSerializer, responses={201: serializers.NewWorkerTokenSerializer})
    def post(self, request: Request) -> Response:
        """The answer shows the token's text, once."""
        row, text = services.create_worker_token(
            owner=user_of(request), **validated(serializers.WorkerTokenSerializer, request)
        )
        body = {**serializers.WorkerTokenSerializer(row).data, "token": text}
        return Response(body, status=HTTP_201_CREATED)


class WorkerTokenView(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        services.revoke_worker_token(owner=user_of(request), token_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class NotificationFilter(django_filters.FilterSet):
    unread = django_filters.BooleanFilter(field_name="read", lookup_expr="isnull")


class NotificationsView(ListAPIView):
    serializer_class = serializers.NotificationSerializer
    filterset_class = NotificationFilter
    queryset = Notification.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[Notification]:
        return selectors.notifications_of(user_of(self.request))

    @extend_schema(operation_id="notifications_clear", responses={204: None}, filters=False)
    def delete(self, request: Request) -> Response:
        """All of them, read or not."""
        notifications.delete_all(user_of(request))
        return Response(status=HTTP_204_NO_CONTENT)


class NotificationView(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        notifications.delete(user=user_of(request), notification_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)


class NotificationReadView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: UUID) -> Response:
        notifications.mark_read(user=user_of(request), notification_id=pk)
        return Response(status=HTTP_204_NO_CONTENT)
