"""The JSON of accounts, in and out."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from accounts.models import USERNAME_MAX, Notification, Session, User, WorkerToken, check_username
from core.text import check_printable

PASSWORD_MAX = 1024  # characters; hashing must not become a way to keep the server busy


def validated(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The body of the request as this serializer reads it. Raises DRF's ValidationError."""
    form = serializer(data=request.data)
    form.is_valid(raise_exception=True)
    return form.validated_data


def password_field() -> serializers.CharField:
    return serializers.CharField(
        max_length=PASSWORD_MAX, trim_whitespace=False, style={"input_type": "password"}
    )


class UserSerializer(serializers.ModelSerializer):
    """Users as they see themselves."""

    class Meta:
        model = User
        fields = ("id", "username", "email")


class ProfileSerializer(serializers.ModelSerializer):
    """The same with what only the profile shows."""

    class Meta:
        model = User
        fields = ("id", "username", "email", "email_confirmed")


class PersonSerializer(serializers.ModelSerializer):
    """A user as others see them, never with the e-mail address."""

    class Meta:
        model = User
        fields = ("id", "username")


class Registration(serializers.Serializer):
    username = serializers.CharField(max_length=USERNAME_MAX, validators=[check_username])
    email = serializers.EmailField(max_length=254, validators=[check_printable])
    password = password_field()


class ProfileChange(serializers.Serializer):
    username = serializers.CharField(
        max_length=USERNAME_MAX, validators=[check_username], required=False
    )
    email = serializers.EmailField(
        max_length=254,
        required=False,
        validators=[check_printable],
        help_text="Where mail is configured, it changes when its link is followed",
    )
    password = serializers.CharField(
        max_length=PASSWORD_MAX,
        trim_whitespace=False,
        required=False,
        help_text="Needed for another e-mail address",
    )


class Login(serializers.Serializer):
    login = serializers.CharField(max_length=254, help_text="User name or e-mail address")
    password = password_field()


class PasswordChange(serializers.Serializer):
    old_password = password_field()
    new_password = password_field()


class PasswordResetAsk(serializers.Serializer):
    email = serializers.EmailField(max_length=254)


def kept_tokens_field() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.UUIDField(),
        max_length=1000,
        default=list,
        help_text="Worker tokens that stay valid; all others of the list end",
    )


class PasswordResetLink(serializers.Serializer):
    """`uid` and `token` are in the link: /password/reset/{uid}/{token}/."""

    uid = serializers.CharField(max_length=64)
    token = serializers.CharField(max_length=200)


class PasswordReset(PasswordResetLink):
    """The same with the new password."""

    password = password_field()
    keep_worker_tokens = kept_tokens_field()


class EmailLink(serializers.Serializer):
    """`token` is in the link: /email/confirm/{token}/."""

    token = serializers.CharField(max_length=2048)


class EmailConfirmation(EmailLink):
    keep_worker_tokens = kept_tokens_field()


class SessionSerializer(serializers.ModelSerializer):
    """Where the user is logged in. `this`: whether it is the session that asks."""

    this = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ("id", "device", "created", "last_used", "expires", "this")

    def get_this(self, session: Session) -> bool:
        return session.pk == self.context.get("this")


class AccountDeletion(serializers.Serializer):
    password = password_field()


class Refresh(serializers.Serializer):
    refresh = serializers.CharField(max_length=4096)


class LogOut(serializers.Serializer):
    """What a log-in holds: its refresh token, the worker token of its machine, or both."""

    refresh = serializers.CharField(max_length=4096, required=False)
    worker_token = serializers.CharField(max_length=128, required=False)

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        if not attrs:
            raise serializers.ValidationError("Name the refresh token, the worker token, or both.")
        return attrs


class TokenPairSerializer(serializers.Serializer):
    access = serializers.CharField()
    refresh = serializers.CharField()


class SignedInSerializer(TokenPairSerializer):
    user = UserSerializer()


class WorkerTokenSerializer(serializers.ModelSerializer):
    class Meta:
        model = WorkerToken
        fields = ("id", "name", "created", "last_used")
        extra_kwargs = {"name": {"validators": [check_printable]}}
        read_only_fields = ("id", "created", "last_used")


class EarlierTokenSerializer(WorkerTokenSerializer):
    """With the name of the account that has it."""

    owner = serializers.CharField(source="owner.username")

    class Meta(WorkerTokenSerializer.Meta):
        fields = (*WorkerTokenSerializer.Meta.fields, "owner")  # type: ignore[assignment]


class NewWorkerTokenSerializer(WorkerTokenSerializer):
    """With its text, which is shown only this once."""

    token = serializers.CharField()

    class Meta(WorkerTokenSerializer.Meta):
        fields = (*WorkerTokenSerializer.Meta.fields, "token")  # type: ignore[assignment]


class NotificationSerializer(serializers.ModelSerializer):
    group = serializers.UUIDField(
        source="group_id", allow_null=True, help_text="What it is about; it may be gone"
    )
    task = serializers.UUIDField(
        source="task_id", allow_null=True, help_text="What it is about; it may be gone"
    )
    read = serializers.DateTimeField(allow_null=True, help_text="When it was first read")

    class Meta:
        model = Notification
        fields = ("id", "level", "code", "text", "group", "task", "created", "read")
