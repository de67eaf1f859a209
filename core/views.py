"""What every page needs: forms that show a service's errors, redirects, confirmation dialogs.

Views translate: they read a form, call one service and say where to go next. This module knows no
app.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple, Protocol

from django import forms
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Page
from django.db.models import QuerySet
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from core import throttling
from core.errors import (
    Busy,
    FirmlightError,
    Forbidden,
    NotFound,
    TooMany,
    Unauthenticated,
    headers_of,
)
from core.pagination import CappedPaginator

UNPROCESSABLE = 422  # a form that must be corrected; htmx is configured to show it


class HtmxRequest(HttpRequest):
    """A page's request, with htmx's headers; `accounts.pages.requests` adds the user."""

    htmx: HtmxDetails


class View(Protocol):
    def __call__(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase: ...


def signed_in(view: View) -> View:
    """A page for users who are logged in; visitors log in first and come back.

    Browsers keep no copy of it.
    """

    @wraps(view)
    def checked(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            throttling.check_write(request)
            return view(request, *args, **kwargs)
        if request.htmx:
            return go(request, redirect_to_login(_page_behind(request)).url)
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")

    return never_cache(checked)


def _page_behind(request: HtmxRequest) -> str:
    """The path of the page that htmx asks from; "/" if it names none of ours."""
    try:
        return request.htmx.current_url_abs_path or "/"
    except ValueError:  # the header holds no address that can be read
        return "/"


class PageRenderer(TemplatesSetting):
    """Draws fields by our template: label, hint, input, and errors beside it."""

    field_template_name = "core/forms/field.html"


class PageForm(forms.Form):
    """A form that calls a service and shows the service's errors beside their fields."""

    default_renderer = PageRenderer
    outcome: Any = None  # what the service returned
    status = UNPROCESSABLE  # of the answer, if the form has errors
    answer_headers: Mapping[str, str] = {}  # of that answer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for field in self.fields.values():
            if not isinstance(field.widget, (forms.CheckboxInput, forms.RadioSelect)):
                field.widget.attrs.setdefault("class", "input")

    def submit(self, action: Callable[..., Any], **facts: Any) -> bool:
        """Whether the form was sent, is valid, and `action(**facts, **its values)` succeeded.

        `outcome` is what the action returned.
        """
        return self.is_valid() and self.run(lambda: action(**facts, **self.cleaned_data))

    def run(self, action: Callable[[], Any]) -> bool:
        """Run `action`; False if it raises, and then the error is among the form's.

        NotFound and Forbidden concern the whole page, not the form, so they are not caught.
        """
        try:
            self.outcome = action()
        except (NotFound, Forbidden):
            raise
        except FirmlightError as error:
            self.add_service_error(error)
        return not self.errors

    def add_service_error(self, error: FirmlightError) -> None:
        """Put the error beside its fields; an error of no field here belongs to the whole form.

        Errors of `usernames.0` belong to the field `usernames`.
        """
        self.status = error.status if isinstance(error, TooMany | Busy) else UNPROCESSABLE
        self.answer_headers = headers_of(error)
        if not error.fields:
            self.add_error(None, error.message)
        for name, sentences in (error.fields or {}).items():
            field = name.partition(".")[0]
            self.add_error(field if field in self.fields else None, sentences)

    def focus(self) -> None:
        """Give the first field with an error the focus, also without JavaScript."""
        for name in self.fields:
            if self.errors.get(name):
                self.fields[name].widget.attrs["autofocus"] = True
                return


def limited(scope: str, request: HttpRequest, action: Callable[..., Any]) -> Callable[..., Any]:
    """`action`, throttled: it raises TooMany if this user has called it too often."""

    def counted(**facts: Any) -> Any:
        throttling.check(scope, request)
        return action(**facts)

    return counted


class Password(forms.PasswordInput):
    """With `now` the browser offers the stored password, otherwise a new one."""

    def __init__(self, *, now: bool = True) -> None:
        super().__init__(attrs={"autocomplete": "current-password" if now else "new-password"})


def password_field(label: str, *, now: bool = True, hint: str = "") -> forms.CharField:
    """A password of limited length, as in the API: hashing long ones would keep the server busy."""
    return forms.CharField(
        label=label, max_length=1024, strip=False, widget=Password(now=now), help_text=hint
    )


def show(
    request: HttpRequest, template: str, *forms_shown: PageForm, **context: Any
) -> HttpResponse:
    """The page; 422 if a form on it was sent and has errors. The first form is also `form`."""
    if forms_shown:
        context.setdefault("form", forms_shown[0])
    with_errors = [form for form in forms_shown if form.is_bound and form.errors]
    if not with_errors:
        return render(request, template, context)
    wrong = with_errors[0]
    wrong.focus()
    answer = render(request, template, context, status=wrong.status)
    for name, value in wrong.answer_headers.items():
        answer[name] = value
    return answer


def go(request: HttpRequest, to: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    """Redirect to another page."""
    url = resolve_url(to, *args, **kwargs)
    if getattr(request, "htmx", False):
        # htmx would follow a redirect and put the page into a part of this one.
        return HttpResponseClientRedirect(url)
    return redirect(url)


def own(request: HttpRequest, url: str | None) -> str:
    """This address if it is a whole one on our site, otherwise "": our links lead nowhere else.

    A relative one ("foo", "?a=1") would depend on the page that shows it, and could be taken for
    the name of a page.
    """
    is_safe = url_has_allowed_host_and_scheme(
        url or "", {request.get_host()}, require_https=request.is_secure()
    )
    if not url or not is_safe:
        return ""
    is_whole = url.startswith(("/", "http://", "https://"))
    return url if is_whole else ""


def next_of(request: HttpRequest, otherwise: Any) -> str:
    """The address in `next` if it is on our site, otherwise `otherwise`."""
    asked = request.POST.get("next") or request.GET.get("next")
    return own(request, asked) or resolve_url(otherwise)


def back(request: HttpRequest) -> HttpResponse:
    """Redirect to the page that the request came from, or to the start page."""
    return go(request, own(request, request.headers.get("Referer")) or "/")


def rows(request: HttpRequest, found: QuerySet[Any] | Sequence[Any]) -> Page[Any]:
    """The PAGE_ROWS rows that `?page=` asks for, or else those of the nearest page there is."""
    return CappedPaginator(found, settings.PAGE_ROWS).get_page(request.GET.get("page"))


class Question(NamedTuple):
    """A confirmation. `verb` is on the button that does it, `keep` on the one that does not."""

    title: str
    says: str
    verb: str
    keep: str


def question(
    request: HttpRequest, asks: Question, *, leads_back: Any, form: PageForm | None = None
) -> HttpResponse:
    """Ask for confirmation: a dialog where htmx asks for it, otherwise a page of its own.

    The button that does nothing leads to `leads_back`.
    """
    template = "core/_question.html" if getattr(request, "htmx", False) else "core/question.html"
    forms_shown = [form] if form else []
    back_url = resolve_url(leads_back)
    return show(request, template, *forms_shown, **asks._asdict(), leads_back=back_url)


def login_first(request: HttpRequest, error: Unauthenticated) -> HttpResponse:
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
