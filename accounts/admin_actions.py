"""What the pages of the moderators' admin share: facts are looked at, and change by deeds alone.

A deed calls a service, so that Redis, sockets and notifications follow; it is confirmed on a page
of its own, and recorded in the audit log with who did it, to whom, when and from where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model, QuerySet
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
from core.counting import CappedPaginator
from core.errors import FirmlightError

DEED_ROWS_MAX = 100  # at once: each calls a service
REASON_MAX = 200
Do = Callable[[Any, HttpRequest, Any, str], None]
Fits = Callable[[HttpRequest, Any], bool]


def who(request: HttpRequest) -> User:
    """The moderator; the admin lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def links(places: Iterable[tuple[str, str, str]], pk: UUID) -> SafeString:
    """Links to lists that belong to a row: (title, page, filter) of each."""
    found = ((reverse(f"admin:{page}_changelist"), name, pk, title) for title, page, name in places)
    return format_html_join(" · ", '<a class="ov-link" href="{}?{}={}">{}</a>', found)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_MAX, required=False, widget=UnfoldAdminTextInputWidget
    )


def deed(
    title: str,
    *,
    word: str = "",
    icon: str,
    says: str,
    hurts: bool = False,
    asks: bool = False,
    when: Fits = lambda request, row: True,
) -> Callable[[Do], Any]:
    """Make a method `do(self, request, row, reason)` a deed, on the list for the rows chosen and on
    a row's own page.

    `word` goes to the audit log ("" where the service records it), `says` tells what follows,
    `asks` for a reason; the page of a row offers it `when` there is a point in it. Only a POST that
    says so confirms it. What the method raises as FirmlightError is shown, and nothing is recorded.
    """

    def decorate(do: Do) -> Any:
        def run(
            admin: Facts,
            request: HttpRequest,
            queryset: QuerySet | None = None,
            object_id: str | None = None,
        ) -> HttpResponse | None:
            rows = admin.chosen(request, queryset, object_id)
            form = ReasonForm(request.POST if "confirmed" in request.POST else None)
            if len(rows) > DEED_ROWS_MAX:
                admin.message_user(request, f"At most {DEED_ROWS_MAX} at once.", messages.ERROR)
                return None
            if request.method != "POST" or not form.is_valid():
                facts = {
                    "title": title,
                    "says": says,
                    "hurts": hurts,
                    "rows": rows,
                    "form": form if asks else None,
                }
                return admin.ask(request, do.__name__, facts)
            for row in rows:
                admin.carry_out(request, do, row, word, title, form.cleaned_data["reason"])
            return HttpResponseRedirect(admin.way_back(request, object_id))

        run.__name__ = do.__name__
        made = action(run, description=title, permissions=["moderate"], icon=icon)
        made.fits = when
        return made

    return decorate


class Shown:
    """Nothing is added, edited or deleted by hand, by superusers neither."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Rows(Shown, TabularInline):
    """The same for rows beneath another one, a page of them at a time."""

    extra = 0
    per_page: int | None = 10  # each takes about three milliseconds to draw
    tab = True
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields


class Facts(Shown, ModelAdmin):
    """The admin of one model. `deeds` names the methods that are deeds.

    Whoever may "change" the model may do them: no form does. A page counts its rows once.
    """

    deeds: tuple[str, ...] = ()
    list_per_page = 20  # each row takes one to two milliseconds to draw
    show_full_result_count = False
    paginator = CappedPaginator
    list_disable_select_all = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.actions = self.actions_detail = self.deeds

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All there is, in the model's order, but for `exclude`."""
        if self.fields:
            return self.fields
        return [
            f.name
            for f in self.opts.concrete_fields
            if not f.primary_key and f.name not in (self.exclude or ())
        ]

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
        """Fetched once for a page: its buttons depend on it too."""
        fetched: dict[Any, Any] = request.__dict__.setdefault("fetched", {})
        key = (self.model, object_id, from_field)
        if key not in fetched:
            fetched[key] = super().get_object(request, object_id, from_field)
        return fetched[key]

    # Deeds

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, str(object_id))
        return [
            one
            for one in super().get_actions_detail(request, object_id)
            if row and one.method.fits(request, row)
        ]

    def chosen(
        self, request: HttpRequest, queryset: QuerySet | None, object_id: str | None
    ) -> list[Model]:
        """The rows that a deed is about. Raises Http404."""
        if object_id is None:
            return list(
                (queryset if queryset is not None else self.get_queryset(request))[
                    : DEED_ROWS_MAX + 1
                ]
            )
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return [row]

    def ask(self, request: HttpRequest, name: str, facts: dict[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            **facts,
            "opts": self.opts,
            "name": name,
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/deed.html", context)

    def carry_out(
        self, request: HttpRequest, do: Do, row: Model, word: str, title: str, reason: str
    ) -> None:
        label = str(row)
        try:
            do(self, request, row, reason)
        except FirmlightError as error:
            self.message_user(request, f"{label}: {error.message}", messages.ERROR)
            return
        if word:
            self.note(request, word, row, **({"reason": reason} if reason else {}))
        self.message_user(request, f"{label}: {title.lower()}, done.", messages.SUCCESS)

    def way_back(self, request: HttpRequest, object_id: str | None) -> str:
        """The page of the row if it still has one, else the list as it was."""
        if object_id is not None:
            there = self.get_queryset(request).filter(pk=object_id).exists()
            return self._address("change", object_id) if there else self._address("changelist")
        return request.get_full_path()

    def _address(self, page: str, *args: str) -> str:
        return reverse(
            f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args
        )

    # The log: ours is the only one

    def note(self, request: HttpRequest, word: str, row: Model, **details: Any) -> None:
        audit.record(
            word, actor=who(request), target=row, address=audit.address_of(request), **details
        )

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        self.note(request, f"{self.opts.model_name}_added", obj)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        fields = [
            name
            for part in message
            if "changed" in part
            for name in part["changed"].get("fields", ())
        ]
        self.note(request, f"{self.opts.model_name}_changed", obj, fields=fields)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet) -> None:
        for row in queryset:
            self.note(request, f"{self.opts.model_name}_deleted", row)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """What the audit log says of this row."""
        entries = reverse(f"{self.admin_site.name}:accounts_auditentry_changelist")
        return HttpResponseRedirect(f"{entries}?target_id__exact={object_id}")
