"""What every page needs: forms that show a service's errors, the way on, and questions before
something goes.

Views translate: they read a form, call one service and say where to go. Nothing in here knows an
app.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from core.errors import Busy, FirmlightError, Forbidden, NotFound, TooMany, Unauthenticated
from core.pagination import CappedPaginator

UNPROCESSABLE = 422  # a form that has to be filled in again; htmx is told to show it


class HtmxRequest(HttpRequest):
    """What a page view gets: whether htmx asks is known. `accounts.pages.requests` adds who asks."""

    htmx: HtmxDetails


class View(Protocol):
    def __call__(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase: ...


def signed_in(view: View) -> View:
    """Only for people who are logged in; others log in first and come back. Browsers keep no copy
    of the page.
    """

    @wraps(view)
    def checked(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:
            return go(request, redirect_to_login(request.htmx.current_url_abs_path or "/").url)
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")

    return never_cache(checked)


class PageRenderer(TemplatesSetting):
    """Fields as our templates draw them: label, hint, input, errors beside it."""

    field_template_name = "forms/field.html"


class PageForm(forms.Form):
    """A form behind which a service stands: what the service refuses appears beside the field it
    refused.
    """

    default_renderer = PageRenderer
    outcome: Any = None
    status = UNPROCESSABLE  # of the answer if it is not right

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for field in self.fields.values():
            if not isinstance(field.widget, (forms.CheckboxInput, forms.RadioSelect)):
                field.widget.attrs.setdefault("class", "input")

    def submit(self, action: Callable[..., Any], **facts: Any) -> bool:
        """Whether the form was sent, is right, and `action(**facts, **its values)` went through;
        see `outcome`.
        """
        return self.is_valid() and self.run(lambda: action(**facts, **self.cleaned_data))

    def run(self, action: Callable[[], Any]) -> bool:
        """Run `action`; False if it refuses, and why is then among the errors. "There is no such
        thing" goes on up.
        """
        try:
            self.outcome = action()
        except (NotFound, Forbidden):
            raise
        except FirmlightError as error:
            self.take(error)
        return not self.errors

    def take(self, error: FirmlightError) -> None:
        """Errors of `usernames.0` belong to the field `usernames`; what belongs to no field of
        ours, to the form.
        """
        self.status = error.status if isinstance(error, TooMany | Busy) else UNPROCESSABLE
        if not error.fields:
            self.add_error(None, error.message)
        for name, sentences in (error.fields or {}).items():
            field = name.partition(".")[0]
            self.add_error(field if field in self.fields else None, sentences)

    def focus(self) -> None:
        """Have the first wrong field get the focus, also without script."""
        for name in self.fields:
            if self.errors.get(name):
                self.fields[name].widget.attrs["autofocus"] = True
                return


def limited(scope: str, request: HttpRequest, action: Callable[..., Any]) -> Callable[..., Any]:
    """`action`, counted: it raises TooMany if this visitor has done so too often
    (core/throttling.py).
    """

    def counted(**facts: Any) -> Any:
        throttling.check(scope, request)
        return action(**facts)

    return counted


class Password(forms.PasswordInput):
    """`now`: the browser offers what it knows; else it offers a new one."""

    def __init__(self, *, now: bool = True) -> None:
        super().__init__(attrs={"autocomplete": "current-password" if now else "new-password"})


def password_field(label: str, *, now: bool = True, hint: str = "") -> forms.CharField:
    """As long as the API takes them: hashing must not become a way to keep the server busy."""
    return forms.CharField(
        label=label, max_length=1024, strip=False, widget=Password(now=now), help_text=hint
    )


def show(
    request: HttpRequest, template: str, *forms_shown: PageForm, **context: Any
) -> HttpResponse:
    """The page; 422 if a form on it was sent and is not right. A single form is there as `form`."""
    if forms_shown:
        context.setdefault("form", forms_shown[0])
    wrong = [form for form in forms_shown if form.is_bound and form.errors]
    for form in wrong[:1]:
        form.focus()
    return render(request, template, context, status=wrong[0].status if wrong else 200)


def go(request: HttpRequest, to: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    """On to another page; htmx is told to load it whole instead of putting it into a part of this
    one.
    """
    url = resolve_url(to, *args, **kwargs)
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else redirect(url)


def own(request: HttpRequest, url: str | None) -> str:
    """This address if it is one of ours, else "": nobody is sent elsewhere by a link that begins
    here.
    """
    safe = url_has_allowed_host_and_scheme(
        url or "", {request.get_host()}, require_https=request.is_secure()
    )
    return url or "" if safe else ""


def next_of(request: HttpRequest, otherwise: Any) -> str:
    """Where `next` says to go, if that is a page of ours."""
    asked = request.POST.get("next") or request.GET.get("next")
    return own(request, asked) or resolve_url(otherwise)


def back(request: HttpRequest) -> HttpResponse:
    """To the page that the request came from, or to the first one."""
    return go(request, own(request, request.headers.get("Referer")) or "/")


def rows(request: HttpRequest, found: QuerySet[Any] | Sequence[Any]) -> Page[Any]:
    """The PAGE_ROWS rows that `?page=` asks for; a page that does not exist is the nearest that
    does.
    """
    return CappedPaginator(found, settings.PAGE_ROWS).get_page(request.GET.get("page"))


class Question(NamedTuple):
    """Asked before something goes. `verb` is on the button that does it, `keep` on the way out."""

    title: str
    says: str
    verb: str
    keep: str


def question(
    request: HttpRequest, asks: Question, *, leads_back: Any, form: PageForm | None = None
) -> HttpResponse:
    """A dialog where htmx asks for it, a page of its own without script. The way out leads to
    `leads_back`.
    """
    template = "parts/_question.html" if getattr(request, "htmx", False) else "pages/question.html"
    return show(
        request,
        template,
        *([form] if form else []),
        **asks._asdict(),
        leads_back=resolve_url(leads_back),
    )


def login_first(request: HttpRequest, error: Unauthenticated) -> HttpResponse:
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
