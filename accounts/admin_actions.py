"""What the admin pages of every app share: rows are read-only, and only admin actions change them.

An admin action calls a service, so that Redis, sockets and notifications follow. It asks for
confirmation on a page of its own. The audit log then records who did it, to what, when and from
which address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import audit
from accounts.models import User
from core.errors import FirmlightError
from core.pagination import CappedPaginator

SECRETS = {"password", "digest", "jti", "stamp", "user_code", "session_key", "session_data"}
"""Fields of any model whose content nobody may find out, not even bit by bit with filters."""

ACTION_ROWS_MAX = 100  # in one request: each row is a call of a service
REASON_MAX = 200

Method = Callable[[Any, HttpRequest, Any, str], None]
Condition = Callable[[HttpRequest, Any], bool]


def moderator_of(request: HttpRequest) -> User:
    """The moderator who asks; the admin admits nobody else."""
    assert isinstance(request.user, User)
    return request.user


def related_links(places: Iterable[tuple[str, str, str]], pk: UUID) -> SafeString:
    """Links to lists that belong to a row; each place is (title, admin page, filter)."""
    rows = ((reverse(f"admin:{page}_changelist"), name, pk, title) for title, page, name in places)
    return format_html_join(" · ", '<a class="ov-link" href="{}?{}={}">{}</a>', rows)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_MAX, required=False, widget=UnfoldAdminTextInputWidget
    )


def _always(request: HttpRequest, row: Any) -> bool:
    return True


@dataclass(frozen=True)
class AdminAction:
    """What the admin shows, asks and records for one action."""

    name: str  # of the method; it is in the action's address, too
    method: Method
    title: str
    explanation: str  # what will happen, on the page that asks
    audit_action: str  # "" where the service records it itself
    dangerous: bool
    asks_reason: bool
    offered_when: Condition


def admin_action(
    title: str,
    *,
    icon: str,
    explanation: str,
    audit_action: str = "",
    dangerous: bool = False,
    asks_reason: bool = False,
    offered_when: Condition = _always,
) -> Callable[[Method], Any]:
    """Make a method `do(self, request, row, reason)` an admin action.

    The list offers it for the chosen rows, and the page of a row where `offered_when` is true. Only
    a confirmed POST carries it out. If the method raises a FirmlightError, its message is shown
    and nothing is recorded.
    """

    def decorate(method: Method) -> Any:
        about = AdminAction(
            name=method.__name__,
            method=method,
            title=title,
            explanation=explanation,
            audit_action=audit_action,
            dangerous=dangerous,
            asks_reason=asks_reason,
            offered_when=offered_when,
        )

        def run(
            admin: ReadOnlyAdmin,
            request: HttpRequest,
            queryset: QuerySet | None = None,
            object_id: str | None = None,
        ) -> HttpResponse | None:
            return admin.handle_action(request, about, queryset, object_id)

        run.__name__ = method.__name__
        decorated = action(run, description=title, permissions=["moderate"], icon=icon)
        # Django and unfold keep what they know of an action as attributes of the function, too.
        decorated.about = about
        return decorated

    return decorate


class ReadOnlyPermissions:
    """Nobody adds, edits or deletes rows by hand, not even superusers."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(ReadOnlyPermissions, TabularInline):
    """Read-only rows below another one, a page of them at a time."""

    extra = 0
    per_page: int | None = 10  # each takes about three milliseconds to draw
    tab = True
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields


class ReadOnlyAdmin(ReadOnlyPermissions, ModelAdmin):
    """The admin of one model; `admin_actions` names the methods that are admin actions.

    Staff with Django's "change" permission may run them. No form edits a row.
    """

    admin_actions: tuple[str, ...] = ()
    list_per_page = 20  # each row takes one to two milliseconds to draw
    show_full_result_count = False  # a page counts its rows once
    paginator = CappedPaginator
    list_disable_select_all = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.actions = self.actions_detail = self.admin_actions

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All fields in the model's order, without the key and those in `exclude`."""
        if self.fields:
            return self.fields
        excluded = self.exclude or ()
        return [
            field.name
            for field in self.opts.concrete_fields
            if not field.primary_key and field.name not in excluded
        ]

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Whether a list may be filtered so ("?digest__startswith=ab").

        Never by a secret or by a field that is not shown, whatever relation leads there.
        """
        hidden = SECRETS | set(self.exclude or ())
        if hidden & set(lookup.split(LOOKUP_SEP)):
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.readonly_fields
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view") or self._may(request, "change")

    def has_moderate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change")

    def _may(self, request: HttpRequest, verb: str) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{verb}_{self.opts.model_name}")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Fetched once for a page: which actions it offers depends on it, too."""
        fetched: dict[Any, Any] = request.__dict__.setdefault("fetched", {})
        key = (self.model, object_id, from_field)
        if key not in fetched:
            fetched[key] = super().get_object(request, object_id, from_field)
        return fetched[key]

    # Admin actions

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The actions that make sense for this row as it is now."""
        row = self.get_object(request, str(object_id))
        if row is None:
            return []
        permitted = super().get_actions_detail(request, object_id)
        return [one for one in permitted if one.method.about.offered_when(request, row)]

    def handle_action(
        self,
        request: HttpRequest,
        about: AdminAction,
        queryset: QuerySet | None,
        object_id: str | None,
    ) -> HttpResponse | None:
        """Ask for confirmation, or carry the action out once it is confirmed."""
        rows = self.chosen_rows(request, queryset, object_id)
        if len(rows) > ACTION_ROWS_MAX:
            text = f"Choose at most {ACTION_ROWS_MAX} rows at a time."
            self.message_user(request, text, messages.ERROR)
            return None
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if request.method != "POST" or not form.is_valid():
            return self.ask_first(request, about, rows, form)
        for row in rows:
            self.carry_out(request, about, row, form.cleaned_data["reason"])
        return HttpResponseRedirect(self.url_afterwards(request, object_id))

    def chosen_rows(
        self, request: HttpRequest, queryset: QuerySet | None, object_id: str | None
    ) -> list[Model]:
        """The one row of the page, or those chosen on the list. Raises Http404.

        Of too many it returns one more than ACTION_ROWS_MAX, so that the caller can tell.
        """
        if object_id is not None:
            row = self.get_object(request, object_id)
            if row is None:
                raise Http404
            return [row]
        chosen = self.get_queryset(request) if queryset is None else queryset
        return list(chosen[: ACTION_ROWS_MAX + 1])

    def ask_first(
        self, request: HttpRequest, about: AdminAction, rows: list[Model], form: ReasonForm
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "name": about.name,
            "title": about.title,
            "explanation": about.explanation,
            "dangerous": about.dangerous,
            "rows": rows,
            "form": form if about.asks_reason else None,
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/action.html", context)

    def carry_out(self, request: HttpRequest, about: AdminAction, row: Model, reason: str) -> None:
        label = str(row)  # before the action: it may delete the row
        try:
            about.method(self, request, row, reason)
        except FirmlightError as error:
            self.message_user(request, f"{label}: {error.message}", messages.ERROR)
            return
        if about.audit_action:
            details = {"reason": reason} if reason else {}
            self.record(request, about.audit_action, row, **details)
        self.message_user(request, f"{label}: {about.title.lower()}, done.", messages.SUCCESS)

    def url_afterwards(self, request: HttpRequest, object_id: str | None) -> str:
        """The page of the row if the row still exists, otherwise the list as it was."""
        if object_id is None:
            return request.get_full_path()
        if self.get_queryset(request).filter(pk=object_id).exists():
            return self._url("change", object_id)
        return self._url("changelist")

    def _url(self, page: str, *args: str) -> str:
        name = f"{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(f"{self.admin_site.name}:{name}", args=args)

    # The audit log takes the place of Django's own log of the admin

    def record(self, request: HttpRequest, entry: str, row: Model, **details: Any) -> None:
        """Add to the audit log what this moderator did to a row."""
        address = audit.address_of(request)
        audit.record(entry, actor=moderator_of(request), target=row, address=address, **details)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        self.record(request, f"{self.opts.model_name}_added", obj)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        fields = []
        for part in message:
            fields += part.get("changed", {}).get("fields", ())
        self.record(request, f"{self.opts.model_name}_changed", obj, fields=fields)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet) -> None:
        for row in queryset:
            self.record(request, f"{self.opts.model_name}_deleted", row)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """What the audit log says of this row."""
        entries = reverse(f"{self.admin_site.name}:accounts_auditentry_changelist")
        return HttpResponseRedirect(f"{entries}?target_id__exact={object_id}")
