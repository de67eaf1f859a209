"""Probes: `/healthz` says that this process answers, `/readyz` that it can reach all it needs."""

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
    """Asks nothing of anybody: who restarts a process because its database is away makes it worse."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 if all is well, otherwise 503; either way each check with `ok` and what it found."""
    found = readiness.look()
    fine = all(finding.ok for finding in found.values())
    body = {
        "status": "ready" if fine else "not_ready",
        "checks": {name: asdict(one) for name, one in found.items()},
    }
    return JsonResponse(body, status=200 if fine else 503)


PROBES: dict[str, View] = {"/healthz": alive, "/readyz": ready, "/metrics": metrics.show}


class Probes:
    """The first middleware. Who probes, or reads the metrics, comes from inside, by plain http and
    under any name for the server: he is not redirected to https, nor refused because of the name;
    and nothing is looked up for him.
    """

    def __init__(self, answer: View) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path, self.answer)(request)
