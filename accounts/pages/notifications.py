"""Mark notifications read, and delete them.

groups.pages.inbox has the page that lists them, since it shows invitations, too.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from accounts import notifications, selectors
from accounts.pages.requests import PageRequest
from core.views import Question, back, go, question, show, signed_in


@signed_in
@require_POST
def read(request: PageRequest, pk: UUID) -> HttpResponse:
    notifications.mark_read(user=request.user, notification_id=pk)
    return _row(request, pk)


@signed_in
@require_POST
def read_all(request: PageRequest) -> HttpResponse:
    notifications.mark_all_read(request.user)
    return back(request)


@signed_in
@require_POST
def delete(request: PageRequest, pk: UUID) -> HttpResponse:
    """Delete one, without asking first: nobody misses one sentence."""
    notifications.delete(user=request.user, notification_id=pk)
    return HttpResponse() if request.htmx else back(request)


@signed_in
def delete_all(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        notifications.delete_all(request.user)
        messages.success(request, "Your notifications are deleted.")
        return go(request, "page:notifications")
    says = "Both read and unread ones are deleted. Invitations stay until you answer them."
    asks = Question(
        title="Delete all notifications?", says=says, verb="Delete them", keep="Keep them"
    )
    return question(request, asks, leads_back="page:notifications")


def _row(request: PageRequest, pk: UUID) -> HttpResponse:
    """Draw the one row again where htmx replaces it; otherwise reload the page."""
    if not request.htmx:
        return back(request)
    note = selectors.notifications_of(request.user).filter(pk=pk).first()
    return show(request, "accounts/_notification.html", note=note)
