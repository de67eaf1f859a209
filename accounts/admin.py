"""The moderators' pages for users, sessions, worker tokens, notifications and the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import services
from accounts.admin_actions import ReadOnlyAdmin, admin_action, moderator_of, related_links
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


def _require_may_act_on(request: HttpRequest, user: User) -> None:
    """Raises Conflict for one's own account, Forbidden for staff unless a superuser asks."""
    if user.pk == request.user.pk:
        raise Conflict("This is your own account.")
    if not _may_act_on(request, user):
        raise Forbidden("Only a superuser may do this to a member of the staff.")


def _may_act_on(request: HttpRequest, user: User) -> bool:
    """Nobody acts on their own account, and only superusers act on staff."""
    if user.pk == request.user.pk:
        return False
    is_staff = user.is_staff or user.is_superuser
    return request.user.is_superuser or not is_staff


# The stubs take both bases for generic.
@admin.register(User)
class PersonAdmin(ReadOnlyAdmin, DjangoUserAdmin):  # type: ignore[misc]
    """Moderators block users and end sessions; superusers also add users and give roles."""

    form, add_form, change_password_form = ChangeForm, CreationForm, AdminPasswordChangeForm
    admin_actions = ("block", "unblock", "end_sessions", "delete_account")
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
        """Names and addresses are stored in lower case, so that an index can answer."""
        return super().get_search_results(request, queryset, search_term.lower())

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Never with the password's hash; superusers set a new one on a page of its own."""
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
        """Save only what the form changed: the rest may have moved since it was shown."""
        concrete = {field.name for field in obj._meta.concrete_fields}
        if change:
            obj.save(update_fields=[name for name in form.changed_data if name in concrete])
        else:
            obj.save()

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Setting a user's password ends the sessions that the old password opened."""
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            user = User.objects.get(pk=id)
            services.end_all_sessions(user, by=moderator_of(request))
            self.record(request, "password_set", user)
        return response

    @admin.display(description="see also")
    def elsewhere(self, user: User) -> SafeString:
        return related_links(ELSEWHERE, user.pk)

    # Admin actions

    @admin_action(
        "Block",
        icon="block",
        dangerous=True,
        asks_reason=True,
        explanation="Their sessions and worker tokens stop working now. They can no longer log in.",
        offered_when=lambda request, user: user.is_active and _may_act_on(request, user),
    )
    def block(self, request: HttpRequest, user: User, reason: str) -> None:
        services.block_user(user, by=moderator_of(request), reason=reason)

    @admin_action(
        "Unblock",
        icon="lock_open",
        explanation="They can log in again, and their worker tokens work again.",
        offered_when=lambda request, user: not user.is_active and _may_act_on(request, user),
    )
    def unblock(self, request: HttpRequest, user: User, reason: str) -> None:
        services.unblock_user(user, by=moderator_of(request))

    @admin_action(
        "End all sessions",
        icon="logout",
        dangerous=True,
        explanation=(
            "Every browser and program of this user must log in again. "
            "Workers with a token of their own go on."
        ),
        offered_when=_may_act_on,
    )
    def end_sessions(self, request: HttpRequest, user: User, reason: str) -> None:
        _require_may_act_on(request, user)
        services.end_all_sessions(user, by=moderator_of(request))

    @admin_action(
        "Delete the account",
        audit_action="user_deleted",
        icon="delete",
        dangerous=True,
        asks_reason=True,
        explanation=(
            "This cannot be undone. Groups of this user pass to the next in line, "
            "and their running tasks are cancelled."
        ),
        offered_when=lambda request, user: request.user.is_superuser and _may_act_on(request, user),
    )
    def delete_account(self, request: HttpRequest, user: User, reason: str) -> None:
        if not request.user.is_superuser:
            raise Forbidden("Only a superuser may delete an account.")
        _require_may_act_on(request, user)
        services.remove_user(user)


def _is_alive(request: HttpRequest, row: Session | WorkerToken) -> bool:
    return row.revoked is None


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    admin_actions = ("revoke",)
    list_display = ("user", "device", "created", "last_used", "revoked")
    list_select_related = ("user",)
    list_filter = (("revoked", admin.EmptyFieldListFilter), "last_used")
    search_fields = ("user__username_key",)
    exclude = ("jti",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")

    @admin_action(
        "End",
        audit_action="session_ended",
        icon="logout",
        dangerous=True,
        explanation="Its tokens stop working now.",
        offered_when=_is_alive,
    )
    def revoke(self, request: HttpRequest, session: Session, reason: str) -> None:
        _require_may_act_on(request, session.user)
        services.end_session(session.user, session.pk)


@admin.register(WorkerToken)
class WorkerTokenAdmin(ReadOnlyAdmin):
    admin_actions = ("revoke",)
    list_display = ("owner", "name", "created", "last_used", "revoked")
    list_select_related = ("owner",)
    list_filter = (("revoked", admin.EmptyFieldListFilter),)
    search_fields = ("owner__username_key", "name")
    exclude = ("digest",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("owner")

    @admin_action(
        "Revoke",
        audit_action="worker_token_revoked",
        icon="key_off",
        dangerous=True,
        explanation="Workers that use it are disconnected.",
        offered_when=_is_alive,
    )
    def revoke(self, request: HttpRequest, token: WorkerToken, reason: str) -> None:
        _require_may_act_on(request, token.owner)
        services.revoke_worker_token(owner=token.owner, token_id=token.pk)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("created", "user", "level", "code", "text", "read")
    list_select_related = ("user",)
    list_filter = ("level", ("read", admin.EmptyFieldListFilter), "created")
    search_fields = ("user__username_key", "code")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what to whom, when and from where. Nobody can edit it, not even superusers."""

    list_display = ("created", "actor_name", "action", "target_type", "target_label", "address")
    list_filter = ("action", "target_type", "created")
    search_fields = ("actor_name", "target_label", "=address")
