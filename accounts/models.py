"""Users, their sessions, worker tokens and notifications, and the audit log.

What must be unique in any case has a normalised column with a plain unique index, and states move
by one conditional UPDATE. Both work alike on SQLite, PostgreSQL and MongoDB.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import uuid4

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from core.batches import key_batches

USERNAME_MIN, USERNAME_MAX = 3, 30
DEVICE_MAX = 200
check_username = RegexValidator(
    rf"\A[A-Za-z0-9_.-]{{{USERNAME_MIN},{USERNAME_MAX}}}\Z",
    f"A user name has {USERNAME_MIN} to {USERNAME_MAX} characters: "
    "letters a to z, digits, and _ - .",
)


def uuid_key() -> models.UUIDField:
    """The primary key of all our models.

    The column name makes it MongoDB's own key, which joins need there.
    """
    return models.UUIDField(primary_key=True, db_column="_id", default=uuid4, editable=False)


def name_key(username: str) -> str:
    """The form in which user names are compared."""
    return username.lower()


def email_key(email: str) -> str:
    """The form in which e-mail addresses are kept and compared."""
    return email.strip().lower()


NOBODYS = "nobodys:"


def unconfirmed_key() -> str:
    """An `address_key` that no other account can have: this one has no confirmed address."""
    return f"{NOBODYS}{uuid4()}"


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username_key=name_key(username or ""))

    def create_user(
        self, username: str, email: str, password: str | None = None, **extra: Any
    ) -> User:
        """A saved user; without `password` they cannot log in with one.

        Raises IntegrityError if the name is taken.
        """
        user = self.model(username=username, email=email, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, username: str, email: str, password: str | None = None, **extra: Any
    ) -> User:
        return self.create_user(
            username, email, password, **{"is_staff": True, "is_superuser": True, **extra}
        )


class Absent:
    """Hides an inherited attribute: `hasattr` is false for the class and its objects."""

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError


class User(AbstractBaseUser, PermissionsMixin):
    """One person. `username` keeps the case they chose; `email` is stored in lower case.

    Anybody may give any address, but only one account can have it confirmed: `address_key`, unique
    and never null, is the address if it is confirmed and an own value otherwise. `stamp` is in
    every link, and in every code, that acts for the user without their password; a new one ends all
    of them at once.
    """

    id = uuid_key()
    username = models.CharField(max_length=USERNAME_MAX, unique=True, validators=[check_username])
    username_key = models.CharField(max_length=USERNAME_MAX, unique=True, editable=False)
    email = models.EmailField(max_length=254, db_index=True)
    email_confirmed = models.BooleanField(default=False)  # they followed a link sent there
    address_key = models.CharField(
        max_length=254, unique=True, default=unconfirmed_key, editable=False
    )
    stamp = models.UUIDField(default=uuid4, editable=False)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()
    # So that a dump keeps the user's id: the audit log and Redis name it without a foreign key.
    natural_key = Absent()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        ordering = ("username_key",)

    def __str__(self) -> str:
        return self.username

    def clean(self) -> None:
        """For forms: find a name that is taken in another case before the database refuses it."""
        super().clean()
        self.email = email_key(self.email or "")
        if not self.username:
            return
        others = User.objects.exclude(pk=self.pk)
        if others.filter(username_key=name_key(self.username)).exists():
            raise ValidationError({"username": "This user name is taken."})
        if self.email_confirmed and others.filter(address_key=self.email).exists():
            raise ValidationError({"email": "Another account has confirmed this address."})

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.username_key, self.email = name_key(self.username), email_key(self.email)
        self.address_key = self._address_key()
        saved = set(kwargs.get("update_fields") or ())
        if "username" in saved:
            saved.add("username_key")
        if saved & {"email", "email_confirmed"}:
            saved.add("address_key")
        if saved:
            kwargs["update_fields"] = saved
        super().save(*args, **kwargs)

    def _address_key(self) -> str:
        if self.email_confirmed:
            return self.email
        return self.address_key if self.address_key.startswith(NOBODYS) else unconfirmed_key()

    def set_password(self, raw_password: str | None) -> None:
        """Links and codes that were made under the old password end with it."""
        super().set_password(raw_password)
        self.stamp = uuid4()

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. A hash with outdated parameters is renewed on the way."""
        return check_password(raw_password, self.password, self._renew_hash)

    def _renew_hash(self, raw_password: str) -> None:
        # Only if the hash is still the one that was checked: otherwise a log-in could undo a change
        # of the password in another request.
        old = self.password
        self.password = make_password(raw_password)
        User.objects.filter(pk=self.pk, password=old).update(password=self.password)


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> SessionQuerySet:
        return self.filter(revoked=None, expires__gt=timezone.now())

    def revoke(self) -> int:
        """End those not ended yet; return how many."""
        return self.filter(revoked=None).update(revoked=timezone.now())


class Session(models.Model):
    """One log-in on one device.

    Its id is the claim `sid` of its access and refresh tokens; a browser's session holds it under
    "sid". `jti` names the one refresh token that is valid now ("" for a browser), and `expires` is
    when that token, or the browser's cookie, ends.
    """

    id = uuid_key()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    device = models.CharField(max_length=DEVICE_MAX, blank=True)
    jti = models.CharField(max_length=32)
    created = models.DateTimeField(default=timezone.now)
    last_used = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(db_index=True)
    revoked = models.DateTimeField(null=True, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ("-last_used", "id")
        indexes = (models.Index(fields=["-last_used"], name="session_last_used"),)

    def __str__(self) -> str:
        return f"{self.device or 'unknown device'}, since {self.created:%Y-%m-%d %H:%M}"


USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words (RFC 8628, 6.1)
USER_CODE_LENGTH = 8
PENDING, CONFIRMED, DENIED, TAKEN = "pending", "confirmed", "denied", "taken"
WORKER, USER = "worker", "user"


class DeviceRequest(models.Model):
    """The request of a program without a browser to log in (RFC 8628).

    The program knows the device code, of which only the digest is stored. People type the user
    code. The status moves from pending to confirmed or denied, and from confirmed to taken.
    `stamp` is that of the user when they confirmed it: with another one they no longer mean it.
    """

    id = uuid_key()
    digest = models.CharField(max_length=64, unique=True)
    user_code = models.CharField(max_length=USER_CODE_LENGTH, unique=True)
    scope = models.CharField(max_length=6, choices=[(s, s) for s in (WORKER, USER)])
    name = models.CharField(max_length=64)
    agent = models.CharField(max_length=DEVICE_MAX, blank=True)
    address = models.CharField(max_length=45, blank=True)
    status = models.CharField(max_length=9, default=PENDING)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="device_requests"
    )
    stamp = models.UUIDField(null=True)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("-created", "id")

    def __str__(self) -> str:
        return self.name

    @property
    def shown_code(self) -> str:
        """The user code as people see it: BCDF-GHJK."""
        half = USER_CODE_LENGTH // 2
        return f"{self.user_code[:half]}-{self.user_code[half:]}"


class WorkerTokenQuerySet(models.QuerySet["WorkerToken"]):
    def live(self) -> WorkerTokenQuerySet:
        return self.filter(revoked=None)

    def revoke(self) -> int:
        """End those not ended yet; return how many."""
        return self.live().update(revoked=timezone.now())


class WorkerToken(models.Model):
    """What a worker shows instead of a password; it permits nothing but work.

    The text itself is stored nowhere. `name` reminds the owner of the machine and need not be
    unique: logging in again on a machine makes a second token with the same name. The times when
    they were made and used tell them apart.
    """

    id = uuid_key()
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="worker_tokens")
    name = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField(default=timezone.now)
    last_used = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)

    objects = WorkerTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created", "id")

    def __str__(self) -> str:
        return self.name


INFO, SUCCESS, WARNING, ERROR = "info", "success", "warning", "error"
LEVELS = (INFO, SUCCESS, WARNING, ERROR)
NOTIFICATION_TEXT_MAX = 300


class Notification(models.Model):
    """A message to one user, kept until they delete it or NOTIFICATION_DAYS are over.

    `code` is a stable word for programs ("task_cancelled"). `group_id` and `task_id` say what it is
    about. They are not foreign keys: this app does not know groups and tasks, and what they name
    may be deleted.
    """

    id = uuid_key()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    level = models.CharField(
        max_length=7, choices=[(level, level) for level in LEVELS], default=INFO
    )
    code = models.CharField(max_length=40)
    text = models.CharField(max_length=NOTIFICATION_TEXT_MAX)
    group_id = models.UUIDField(null=True, blank=True)
    task_id = models.UUIDField(null=True, blank=True)
    created = models.DateTimeField(default=timezone.now, db_index=True)
    read = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created", "id")
        indexes = (models.Index(fields=["user", "-created"], name="notification_user_created"),)

    def __str__(self) -> str:
        return self.text


AUDIT_DETAILS_MAX = 2000


class AppendOnly(TypeError):
    """Code tried to change the audit log. That is a bug, never a user's mistake."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **changes: Any) -> int:
        raise AppendOnly

    def delete(self) -> Any:
        raise AppendOnly

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("update_conflicts"):
            raise AppendOnly
        return super().bulk_create(objs, *args, **kwargs)

    def purge(self, before: datetime) -> int:
        """Delete the entries from before this moment; return how many. For accounts.audit alone."""
        deleted = 0
        for keys in key_batches(self.filter(created__lt=before)):
            batch = self.filter(pk__in=keys)
            deleted += models.QuerySet.delete(batch)[0]  # our own `delete` refuses
        return deleted


class AuditEntry(models.Model):
    """Who did what to whom, when and from where. Written once, never changed.

    Actor and target are values instead of foreign keys, because the entry outlives them.
    """

    id = uuid_key()
    action = models.CharField(max_length=40)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=USERNAME_MAX, blank=True)
    target_type = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_label = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=45, blank=True)
    details = models.JSONField(default=dict)
    created = models.DateTimeField(default=timezone.now, db_index=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-created", "id")
        verbose_name_plural = "audit log"

    def __str__(self) -> str:
        return f"{self.actor_name or 'somebody'}: {self.action} {self.target_label}".rstrip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise AppendOnly
