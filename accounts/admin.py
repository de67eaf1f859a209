from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet

from accounts import services
from accounts.models import Session, User, WorkerToken


class CreationForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("username", "email")


class ChangeForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class PersonAdmin(UserAdmin):
    form, add_form = ChangeForm, CreationForm
    list_display = ("username", "email", "is_active", "is_staff", "created")
    list_filter = ("is_active", "is_staff")
    search_fields = ("username_key", "email")
    ordering = ("username_key",)
    readonly_fields = ("last_login", "created")
    fieldsets = (
        (None, {"fields": ("username", "email", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("last_login", "created")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "usable_password", "password1", "password2")}),)

    def delete_model(self, request: object, obj: User) -> None:
        services.remove_user(obj)

    def delete_queryset(self, request: object, queryset: QuerySet[User]) -> None:
        for user in queryset:
            services.remove_user(user)


class ReadOnlyAdmin(admin.ModelAdmin):
    """To look at and to revoke: tokens are made by their owners alone."""

    actions = ("revoke",)

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

    @admin.action(description="Revoke", permissions=["delete"])
    def revoke(self, request: object, rows: Any) -> None:
        rows.revoke()


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ("user", "device", "created", "last_used", "revoked")
    list_select_related = ("user",)
    search_fields = ("user__username_key",)
    exclude = ("jti",)


@admin.register(WorkerToken)
class WorkerTokenAdmin(ReadOnlyAdmin):
    list_display = ("owner", "name", "created", "last_used", "revoked")
    list_select_related = ("owner",)
    search_fields = ("owner__username_key", "name")
    exclude = ("digest",)
