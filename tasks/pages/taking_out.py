"""The page on which a group's leaders take a member's results out of a running task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.pages.requests import PageRequest
from core.text import check_printable
from core.views import PageForm, Question, go, question, signed_in
from groups import selectors as group_selectors
from tasks.event_texts import counted
from tasks.pages.task import visible_task
from tasks.selectors import contributions, task_progress
from tasks.services import taking_out

SAYS = (
    "They count no more, and other members' computers compute them again. The member is notified "
    "and loses their standing, so what they compute from then on is checked."
)


class TakeOutForm(PageForm):
    member = forms.ChoiceField(label="Member")
    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=taking_out.REASON_MAX,
        validators=[check_printable],
        help_text="The member reads it, and it is in the log of the task.",
    )

    def __init__(self, *args: Any, members: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(one.pk), one.username) for one in members]
        field = self.fields["member"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_member(self) -> UUID:
        return UUID(self.cleaned_data["member"])


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def take_out(request: PageRequest, pk: UUID) -> HttpResponse:
    """Take out what a member computed, after a question: others compute it again."""
    task = visible_task(request, pk)
    membership = group_selectors.membership(request.user, task.group_id)
    taking_out.check_may_take_out(task, membership)
    members = contributions.members(task, task_progress.of_task(task))
    form = TakeOutForm(request.POST or None, members=members)
    if request.method == "POST" and form.submit(taking_out.take_out, user=request.user, task=task):
        messages.success(request, f"{counted(form.outcome).capitalize()} wait for other members.")
        return go(request, "page:task", pk)
    asks = Question(
        title="Take a member's results out?", says=SAYS, verb="Take them out", keep="Keep them"
    )
    return question(request, asks, leads_back=resolve_url("page:task", pk), form=form)
