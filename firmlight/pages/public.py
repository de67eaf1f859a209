"""Pages of no app: the first one, the documentation, who runs this and on what terms."""

from __future__ import annotations

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import etag, require_safe

from core import client_wheel
from firmlight import docs_pages


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """For people who do not know Firmlight; a user who is logged in goes to their groups."""
    if request.user.is_authenticated:
        return redirect("page:groups")
    facts = {"lease_seconds": settings.LEASE_SECONDS, "result_hours": settings.RESULT_TTL_HOURS}
    return render(request, "firmlight/landing.html", facts | {"address": settings.PUBLIC_URL})


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look unasked, on the pages that are not ours."""
    return redirect(static("firmlight/mark.svg"))


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "firmlight/docs.html", {"shelves": docs_pages.shelves()})


@require_safe
def document(request: HttpRequest, slug: str) -> HttpResponse:
    found = docs_pages.library().get(slug)
    if found is None:
        raise Http404
    facts = {"document": found, "text": docs_pages.html(slug), "shelves": docs_pages.shelves()}
    return render(request, "firmlight/document.html", facts)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "firmlight/about.html")


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept and for how long, in this server's own figures."""
    names = (
        "RESULT_TTL_HOURS",
        "NOTIFICATION_DAYS",
        "REFRESH_TOKEN_DAYS",
        "AUDIT_DAYS",
        "BROWSER_SESSION_DAYS",
    )
    figures = {name.lower(): getattr(settings, name) for name in names}
    # Where failed tasks can be submitted again, their input is kept for a while.
    figures["failed_input_hours"] = getattr(settings, "FAILED_INPUT_HOURS", 0)
    return render(request, "firmlight/privacy.html", figures)


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    return render(request, "firmlight/terms.html")


@require_safe
def downloads(request: HttpRequest) -> HttpResponse:
    """What the server hands out: the client, with its fingerprint. pip reads it, too (PEP 503)."""
    return render(request, "firmlight/downloads.html", {"wheel": client_wheel.find()})


@require_safe
def latest(request: HttpRequest) -> HttpResponse:
    """An address that stays when the version does not."""
    wheel = client_wheel.find()
    if wheel is None:
        raise Http404
    return redirect("page:download", wheel.name)


def _fingerprint(request: HttpRequest, name: str) -> str | None:
    wheel = client_wheel.find()
    return f'"{wheel.sha256}"' if wheel and name == wheel.name else None


@require_safe
@etag(_fingerprint)
def download(request: HttpRequest, name: str) -> FileResponse:
    """The wheel of this name.

    It may be built anew under the same name, so a cache has to ask before it uses its copy.
    """
    wheel = client_wheel.find()
    if wheel is None or name != wheel.name:
        raise Http404
    headers = {"Cache-Control": "no-cache"}
    return FileResponse(
        wheel.path.open("rb"), content_type="application/octet-stream", headers=headers
    )
