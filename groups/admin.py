from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from groups import services
from groups.models import Group, Invitation, Membership


class MembershipInline(admin.TabularInline):
    model = Membership
    autocomplete_fields = ("user",)
    extra = 0
    can_delete = False  # a group must not lose its owner


@admin.register(Group)
class GroupAdmin(admin.ModelAdmin):
    list_display = ("name", "description", "created")
    search_fields = ("name_key",)
    inlines = (MembershipInline,)

    def delete_model(self, request: Any, obj: Group) -> None:
        services.close_group(obj, by=request.user)

    def delete_queryset(self, request: Any, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            services.close_group(group, by=request.user)


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):
    list_display = ("group", "invitee", "inviter", "status", "created", "expires")
    list_filter = ("status",)
    list_select_related = ("group", "invitee", "inviter")

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False
