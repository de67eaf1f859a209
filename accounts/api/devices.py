"""REST API: log in a program that has no browser (RFC 8628)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK

from accounts import services
from accounts.api.accounts import PublicView
from accounts.api.serializers import UserSerializer, validated
from accounts.audit import address_of
from accounts.models import USER, WORKER
from core.text import check_printable


class DeviceAsk(serializers.Serializer):
    """`name`: what the machine is called. `scope`: `worker` may only work, `user` may do what its
    user may.
    """

    # A stranger chooses the name and people decide by it, so it must not hide or turn letters.

    name = serializers.CharField(max_length=64, validators=[check_printable])
    scope = serializers.ChoiceField([WORKER, USER], default=WORKER)


class DeviceCodeSerializer(serializers.Serializer):
    """RFC 8628, 3.2. `interval` in seconds between two questions, `expires_in` seconds."""

    device_code = serializers.CharField()
    user_code = serializers.CharField()
    verification_uri = serializers.URLField()
    verification_uri_complete = serializers.URLField()
    expires_in = serializers.IntegerField()
    interval = serializers.FloatField()


class DeviceTake(serializers.Serializer):
    device_code = serializers.CharField(max_length=128)


class DeviceGrantSerializer(serializers.Serializer):
    """`access` and `refresh` are null if the program may only work."""

    user = UserSerializer()
    worker_token = serializers.CharField(source="worker_text")
    worker_token_id = serializers.UUIDField(source="worker.pk")
    access = serializers.CharField(source="pair.access", default=None, allow_null=True)
    refresh = serializers.CharField(source="pair.refresh", default=None, allow_null=True)


class DeviceView(PublicView):
    throttles = {"POST": ("device",)}

    @extend_schema(
        summary="Start a log-in with a code", request=DeviceAsk, responses=DeviceCodeSerializer
    )
    def post(self, request: Request) -> Response:
        """Ask for access. Show `user_code` and `verification_uri` to the user, and poll for the
        tokens meanwhile.
        """
        facts: dict[str, Any] = validated(DeviceAsk, request)
        made, code = services.request_device_access(
            **facts,
            agent=request.headers.get("User-Agent", ""),
            address=address_of(request._request),
        )
        page = request.build_absolute_uri(reverse("page:device"))
        body = {
            "device_code": code,
            "user_code": made.shown_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?code={made.shown_code}",
            "expires_in": int(settings.DEVICE_MINUTES * 60),
            "interval": settings.DEVICE_POLL_SECONDS,
        }
        return Response(DeviceCodeSerializer(body).data, status=HTTP_200_OK)


class DeviceTokenView(PublicView):
    throttles = {"POST": ("device_poll",)}

    @extend_schema(
        summary="Collect the tokens of a log-in with a code",
        request=DeviceTake,
        responses=DeviceGrantSerializer,
    )
    def post(self, request: Request) -> Response:
        """The tokens, once, as soon as the user has confirmed. Until then 400 with
        `authorization_pending` or `slow_down`; `access_denied` and `expired_token` are final.
        """
        grant = services.claim_device_tokens(**validated(DeviceTake, request))
        return Response(DeviceGrantSerializer(grant).data)
