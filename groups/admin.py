"""The moderators' pages for groups, members, invitations, join requests and links."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin_actions import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    admin_action,
    moderator_of,
    related_links,
)
from groups import services, states
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership, name_key
from groups.services import moderating

ELSEWHERE = (
    ("Invitations", "groups_invitation", "group__id__exact"),
    ("Requests to join", "groups_joinrequest", "group__id__exact"),
    ("Links", "groups_invitelink", "group__id__exact"),
    ("Tasks", "tasks_task", "group__id__exact"),
)


class Members(ReadOnlyInline):
    model = Membership
    fields = ("user", "role", "submitting", "joined")
    verbose_name_plural = "members"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "group")


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    admin_actions = ("clear_words", "close")
    list_display = ("name", "description", "joining", "submitting", "created")
    list_filter = ("joining", "submitting")
    search_fields = ("name_key__contains",)
    fields = (
        "name",
        "description",
        "joining",
        "submitting",
        "verify_default",
        "created",
        "elsewhere",
    )
    readonly_fields = ("elsewhere",)
    inlines = (Members,)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Names are stored in the form that is compared, so that an index can answer."""
        return super().get_search_results(request, queryset, name_key(search_term))

    @admin_action(
        "Clear name and description",
        audit_action="group_words_cleared",
        icon="ink_eraser",
        asks_reason=True,
        explanation=(
            "The group gets a neutral name and no description. Its owner and moderators are "
            "notified, and its owner may choose others."
        ),
    )
    def clear_words(self, request: HttpRequest, group: Group, reason: str) -> None:
        moderating.clear_words(group)

    @admin.display(description="see also")
    def elsewhere(self, group: Group) -> SafeString:
        return related_links(ELSEWHERE, group.pk)

    @admin_action(
        "Delete the group",
        icon="delete",
        dangerous=True,
        asks_reason=True,
        explanation=(
            "This deletes all that is in it, too: memberships, invitations, tasks and results. "
            "Its members are notified."
        ),
    )
    def close(self, request: HttpRequest, group: Group, reason: str) -> None:
        services.close_group(group, by=moderator_of(request))


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("user", "group", "role", "joined")
    list_select_related = ("user", "group")
    list_filter = ("role",)
    search_fields = ("user__username_key", "group__name_key")
    exclude = ("owner_key",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "group")


def _is_open(request: HttpRequest, invitation: Invitation) -> bool:
    return invitation.status == states.PENDING


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    admin_actions = ("withdraw",)
    list_display = ("group", "invitee", "inviter", "status", "created", "expires")
    list_select_related = ("group", "invitee", "inviter")
    list_filter = ("status",)
    search_fields = ("group__name_key", "invitee__username_key")
    exclude = ("pending_key",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("group", "invitee", "inviter")

    @admin_action(
        "Withdraw",
        audit_action="invitation_withdrawn",
        icon="undo",
        dangerous=True,
        explanation="It can no longer be accepted.",
        offered_when=_is_open,
    )
    def withdraw(self, request: HttpRequest, invitation: Invitation, reason: str) -> None:
        moderating.withdraw_invitation(invitation)


@admin.register(JoinRequest)
class JoinRequestAdmin(ReadOnlyAdmin):
    list_display = ("group", "user", "status", "created", "expires")
    list_select_related = ("group", "user")
    list_filter = ("status",)
    search_fields = ("group__name_key", "user__username_key")
    exclude = ("pending_key",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("group", "user")


@admin.register(InviteLink)
class InviteLinkAdmin(ReadOnlyAdmin):
    admin_actions = ("withdraw",)
    list_display = ("group", "creator", "uses_left", "created", "expires")
    list_select_related = ("group", "creator")
    search_fields = ("group__name_key", "creator__username_key")
    exclude = ("digest",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("group", "creator")

    @admin_action(
        "Withdraw",
        audit_action="link_withdrawn",
        icon="link_off",
        dangerous=True,
        explanation="Nobody can join with its code any more.",
    )
    def withdraw(self, request: HttpRequest, link: InviteLink, reason: str) -> None:
        moderating.withdraw_link(link)
