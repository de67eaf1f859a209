"""Probes: `/healthz` says that this process answers, `/readyz` that all it needs does, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from firmlight import readiness
from firmlight.metrics import views as metrics

View = Callable[[HttpRequest], HttpResponse]


@require_safe
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """Checks nothing else: restarting a process because its database is down makes it worse."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 if all checks pass, otherwise 503; always with `ok` and the finding of each check."""
    found = readiness.look()
    fine = all(finding.ok for finding in found.values())
    body = {
        "status": "ready" if fine else "not_ready",
        "checks": {name: asdict(one) for name, one in found.items()},
    }
    return JsonResponse(body, status=200 if fine else 503)


PROBES: dict[str, View] = {"/healthz": alive, "/readyz": ready, "/metrics": metrics.show}


class Probes:
    """The first middleware: answers probes and requests for metrics before all others.

    These come from inside the network, by plain http and with any host name. So they must not be
    redirected to https or refused because of the name, and need no session.
    """

    def __init__(self, answer: View) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path, self.answer)(request)
