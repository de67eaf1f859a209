"""Pages: the name and rules of a group, leaving it, deleting it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from accounts.pages.requests import PageRequest
from core.views import Question, go, question, show, signed_in
from groups import selectors, services, states
from groups.models import Group
from groups.pages.forms import VERIFY_WORDS, ChecksForm, GroupForm


@signed_in
def settings(request: PageRequest, pk: UUID) -> HttpResponse:
    """Every member sees it, since every member may leave; leaders may change it."""
    membership = selectors.membership_or_not_found(request.user, pk)
    owns = membership.role == states.OWNER
    form_of = GroupForm if owns else ChecksForm
    form = form_of(request.POST or None, initial=_present_values(membership.group))
    if form.submit(services.update_group, editor=request.user, group_id=pk):
        messages.success(request, "The group is changed.")
        return go(request, "page:group-settings", pk)
    return show(
        request,
        "groups/settings.html",
        form,
        membership=membership,
        owns=owns,
        verify_words=VERIFY_WORDS[membership.group.verify_default],
    )


def _present_values(group: Group) -> dict[str, str]:
    names = ("name", "description", "joining", "submitting", "verify_default")
    return {name: getattr(group, name) for name in names}


@signed_in
def leave(request: PageRequest, pk: UUID) -> HttpResponse:
    membership = selectors.membership_or_not_found(request.user, pk)
    if request.method == "POST":
        services.leave_group(user=request.user, group_id=pk)
        messages.success(request, f"You have left {membership.group.name}.")
        return go(request, "page:groups")
    says = "Your running tasks in it are cancelled, and your computers get no more work from it."
    if membership.role == states.OWNER:
        says += (
            " The group goes to its longest moderator or member. "
            "If nobody else is in it, it is deleted."
        )
    asks = Question(
        title=f"Leave {membership.group.name}?", says=says, verb="Leave the group", keep="Stay"
    )
    return question(request, asks, leads_back=_back(pk))


@signed_in
def delete(request: PageRequest, pk: UUID) -> HttpResponse:
    group = services.require_owner(request.user, pk).group
    if request.method == "POST":
        services.delete_group(user=request.user, group_id=pk)
        messages.success(request, f"{group.name} is deleted.")
        return go(request, "page:groups")
    says = (
        "This deletes all that is in it, too: memberships, invitations, tasks and results. "
        "Its members are notified."
    )
    asks = Question(
        title=f"Delete {group.name}?", says=says, verb="Delete the group", keep="Keep it"
    )
    return question(request, asks, leads_back=_back(pk))


def _back(pk: UUID) -> str:
    return reverse("page:group-settings", args=(pk,))
