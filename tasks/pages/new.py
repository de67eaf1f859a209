"""A new task: the form, a preview of what it comes to, and the submission."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpResponse
from django.template.loader import select_template
from django.views.decorators.http import require_POST

from accounts.pages.requests import PageRequest
from core.views import go, limited, show, signed_in
from firmlight_client import kinds
from groups.errors import MayNotSubmit
from groups.models import Membership
from groups.selectors import membership_or_not_found
from tasks.models import Task
from tasks.pages.forms import PARAM, TaskForm
from tasks.selectors import presence, visibility
from tasks.services.inputs import find_kind
from tasks.services.preview import Preview, preview_task
from tasks.services.refill import Refill
from tasks.services.submit import submit_task

AGAIN = ("title", "description", "priority", "allow_partial", "subtask_seconds_max", "verify")


@signed_in
def new(request: PageRequest, pk: UUID) -> HttpResponse:
    """The form of one kind. Submitting it makes the task, once for each form."""
    membership = _submitter(request, pk)
    before = _again(request, pk)
    refilled = Refill(before, request.user) if before else None
    form = _form(request, membership, before, refilled)
    if form.is_bound and _submits(request, form, membership):
        return go(request, "page:task", form.outcome.pk)
    return _page(request, membership, form, again=before, refilled=refilled)


@signed_in
@require_POST
def preview(request: PageRequest, pk: UUID) -> HttpResponse:
    """What the task would come to; htmx gets this part alone."""
    membership = _submitter(request, pk)
    form = _form(request, membership)
    found = _preview(request, form, membership)
    if found:
        form.offer(found.choices)
    if request.htmx:
        facts = {"preview": found, "hours": settings.RESULT_TTL_HOURS}
        return show(request, "tasks/new/_preview.html", form, **facts)
    return _page(request, membership, form, preview=found)


def _submitter(request: PageRequest, pk: UUID) -> Membership:
    membership = membership_or_not_found(request.user, pk)
    if not membership.may_submit:
        raise MayNotSubmit
    return membership


def _again(request: PageRequest, pk: UUID) -> Task | None:
    """The older task that is to be submitted again."""
    try:
        asked = UUID(request.GET.get("again", ""))
    except ValueError:
        return None
    return visibility.tasks_visible_to(request.user).filter(pk=asked, group=pk).first()


def _form(
    request: PageRequest,
    membership: Membership,
    before: Task | None = None,
    refilled: Refill | None = None,
) -> TaskForm:
    kind = _kind(request, before)
    initial: dict[str, Any] = {"key": str(uuid4())}
    if before and refilled and before.kind == kind.name:
        initial |= {name: getattr(before, name) for name in AGAIN}
        initial |= {PARAM + name: value for name, value in refilled.params.items()}
    data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    return TaskForm(
        kind,
        data,
        files,
        leads=membership.leads,
        least=membership.group.verify_default,
        initial=initial,
    )


def _kind(request: PageRequest, before: Task | None) -> kinds.Kind:
    """The one that is asked for; else the first."""
    asked = request.POST.get("kind") or request.GET.get("kind")
    if asked:
        return find_kind(asked)
    if before:
        return find_kind(before.kind)
    listed = kinds.listed()
    return listed.get("FACTORIZATION") or next(iter(listed.values()))


def _submits(request: PageRequest, form: TaskForm, membership: Membership) -> bool:
    """Whether the form made a task, which is its outcome then."""
    action = _counted(request, submit_task)
    return form.is_valid() and form.run(
        lambda: action(author=request.user, group=membership.group_id, **form.submission)
    )


def _preview(request: PageRequest, form: TaskForm, membership: Membership) -> Preview | None:
    """What the task would come to; None if something is wrong, which the form shows then."""
    action = _counted(request, preview_task)
    if not form.is_valid():
        return None
    has_run = form.run(lambda: action(author=request.user, group=membership.group_id, **form.input))
    return form.outcome if has_run else None


def _counted(request: PageRequest, action: Any) -> Any:
    """The action under the rate limits of the API; with a file it counts as an upload too."""
    action = limited("submit", request, action)
    return limited("upload", request, action) if request.FILES else action


def _page(
    request: PageRequest, membership: Membership, form: TaskForm, **more: Any
) -> HttpResponse:
    here = [one for one in presence.workers_here(membership.group_id) if not one.resting]
    facts = {
        "membership": membership,
        "kind": form.kind,
        "kinds": [(one, _glyph(one)) for one in kinds.listed().values()],
        "online": len(here),
        "slots": sum(one.worker.slots for one in here),
        "bytes_max": settings.UPLOAD_BYTES_MAX,
        "hours": settings.RESULT_TTL_HOURS,
    }
    return show(request, "tasks/new/page.html", form, **facts, **more)


def _glyph(kind: kinds.Kind) -> Any:
    """The picture of a kind; one without its own gets the common one."""
    return select_template([f"tasks/new/glyphs/{kind.name}.svg", "tasks/new/glyphs/any.svg"])
