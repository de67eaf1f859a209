"""People, where they are logged in, their tokens, what they are told and what was done, for
moderators.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import services
from accounts.admin_actions import Facts, deed, links, who
from accounts.models import AuditEntry, Notification, Session, User, WorkerToken
from core.errors import Conflict, Forbidden

ELSEWHERE = (
    ("Groups", "groups_membership", "user__id__exact"),
    ("Invitations", "groups_invitation", "invitee__id__exact"),
    ("Workers", "tasks_worker", "owner__id__exact"),
    ("Tasks", "tasks_task", "creator__id__exact"),
    ("Sessions", "accounts_session", "user__id__exact"),
    ("Worker tokens", "accounts_workertoken", "owner__id__exact"),
    ("What was done to this user", "accounts_auditentry", "target_id__exact"),
    ("What this user did", "accounts_auditentry", "actor_id__exact"),
)


class CreationForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("username", "email")


class ChangeForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


def _refuse_untouchable(request: HttpRequest, user: User) -> None:
    """Nobody does this to himself, and only superusers to other staff."""
    if user.pk == request.user.pk:
        raise Conflict("This is your own account.")
    if not _is_touchable(request, user):
        raise Forbidden("Only a superuser may do this to a member of the staff.")


def _is_touchable(request: HttpRequest, user: User) -> bool:
    return user.pk != request.user.pk and (
        request.user.is_superuser or not (user.is_staff or user.is_superuser)
    )


@admin.register(User)
class PersonAdmin(Facts, DjangoUserAdmin):  # type: ignore[misc]  # the stubs take both for generic
    """Moderators look, block and end sessions; superusers also make accounts and give roles."""

    form, add_form, change_password_form = ChangeForm, CreationForm, AdminPasswordChangeForm
    deeds = ("block", "unblock", "end_sessions", "delete_account")
    list_display = ("username", "email", "is_active", "is_staff", "created", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "created")
    search_fields = ("username_key__contains", "email__exact")
    ordering = ("username_key",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("is_active", "last_login", "created", "elsewhere")
    add_fieldsets = (
        (None, {"fields": ("username", "email", "usable_password", "password1", "password2")}),
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Both are kept in lower case, so that an index can answer."""
        return super().get_search_results(request, queryset, search_term.lower())

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Without the password's hash, for anybody: a superuser sets a new one on a page of its
        own.
        """
        if obj is None:
            return self.add_fieldsets
        rights = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")
        return (
            (None, {"fields": ("username", "email", "elsewhere")}),
            ("Rights", {"fields": rights if request.user.is_superuser else rights[:3]}),
            ("Times", {"fields": ("created", "last_login")}),
        )

    def _is_superuser(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_active and request.user.is_superuser

    has_add_permission = has_change_permission = _is_superuser

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Only what was changed on the form: the rest may have moved since it was shown."""
        concrete = {field.name for field in obj._meta.concrete_fields}
        if change:
            obj.save(update_fields=[name for name in form.changed_data if name in concrete])
        else:
            obj.save()

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """A password that somebody else has set ends the sessions that the old one opened."""
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            user = User.objects.get(pk=id)
            services.end_all_sessions(user, by=who(request))
            self.note(request, "password_set", user)
        return response

    @admin.display(description="see also")
    def elsewhere(self, user: User) -> SafeString:
        return links(ELSEWHERE, user.pk)

    # Deeds

    @deed(
        "Block",
        icon="block",
        hurts=True,
        asks=True,
        says="Sessions and worker tokens stop at once, and there is no logging in any more.",
        when=lambda request, user: user.is_active and _is_touchable(request, user),
    )
    def block(self, request: HttpRequest, user: User, reason: str) -> None:
        services.block_user(user, by=who(request), reason=reason)

    @deed(
        "Unblock",
        icon="lock_open",
        says="Logging in works again.",
        when=lambda request, user: not user.is_active and _is_touchable(request, user),
    )
    def unblock(self, request: HttpRequest, user: User, reason: str) -> None:
        services.unblock_user(user, by=who(request))

    @deed(
        "End all sessions",
        icon="logout",
        hurts=True,
        says="Every browser and program of this user has to log in again. Workers with a token of their own go on.",
        when=_is_touchable,
    )
    def end_sessions(self, request: HttpRequest, user: User, reason: str) -> None:
        _refuse_untouchable(request, user)
        services.end_all_sessions(user, by=who(request))

    @deed(
        "Delete the account",
        word="user_deleted",
        icon="delete",
        hurts=True,
        asks=True,
        says="It goes for good. Groups of this user pass to the next in line, running tasks are cancelled.",
        when=lambda request, user: request.user.is_superuser and _is_touchable(request, user),
    )
    def delete_account(self, request: HttpRequest, user: User, reason: str) -> None:
        if not request.user.is_superuser:
            raise Forbidden("Only a superuser may delete an account.")
        _refuse_untouchable(request, user)
        services.remove_user(user)


def _is_alive(request: HttpRequest, row: Session | WorkerToken) -> bool:
    return row.revoked is None


@admin.register(Session)
class SessionAdmin(Facts):
    deeds = ("revoke",)
    list_display = ("user", "device", "created", "last_used", "revoked")
    list_select_related = ("user",)
    list_filter = (("revoked", admin.EmptyFieldListFilter), "last_used")
    search_fields = ("user__username_key",)
    exclude = ("jti",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")

    @deed(
        "End",
        word="session_ended",
        icon="logout",
        hurts=True,
        says="Its tokens stop working at once.",
        when=_is_alive,
    )
    def revoke(self, request: HttpRequest, session: Session, reason: str) -> None:
        _refuse_untouchable(request, session.user)
        services.end_session(session.user, session.pk)


@admin.register(WorkerToken)
class WorkerTokenAdmin(Facts):
    deeds = ("revoke",)
    list_display = ("owner", "name", "created", "last_used", "revoked")
    list_select_related = ("owner",)
    list_filter = (("revoked", admin.EmptyFieldListFilter),)
    search_fields = ("owner__username_key", "name")
    exclude = ("digest",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("owner")

    @deed(
        "Revoke",
        word="worker_token_revoked",
        icon="key_off",
        hurts=True,
        says="Workers that use it are closed.",
        when=_is_alive,
    )
    def revoke(self, request: HttpRequest, token: WorkerToken, reason: str) -> None:
        _refuse_untouchable(request, token.owner)
        services.revoke_worker_token(owner=token.owner, token_id=token.pk)


@admin.register(Notification)
class NotificationAdmin(Facts):
    list_display = ("created", "user", "level", "code", "text", "read")
    list_select_related = ("user",)
    list_filter = ("level", ("read", admin.EmptyFieldListFilter), "created")
    search_fields = ("user__username_key", "code")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")


@admin.register(AuditEntry)
class AuditEntryAdmin(Facts):
    """Who did what to whom, when and from where. Nobody edits it, superusers neither."""

    list_display = ("created", "actor_name", "action", "target_type", "target_label", "address")
    list_filter = ("action", "target_type", "created")
    search_fields = ("actor_name", "target_label", "=address")
