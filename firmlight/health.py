"""Probes: `/healthz` says that this process answers, `/readyz` that it can reach what it needs."""

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.http import HttpRequest, JsonResponse

from firmlight import redis


def alive(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 if database and Redis answer, otherwise 503; either way which of them do."""
    answers = {"database": _answers(_ask_database), "redis": _answers(redis.connect().ping)}
    fine = all(answers.values())
    return JsonResponse({"status": "ready" if fine else "not_ready", **answers}, status=200 if fine else 503)


def _ask_database() -> None:
    """A question that every database understands."""
    get_user_model().objects.order_by().exists()


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception:  # noqa: BLE001  whatever keeps it from answering, the probe reports it as one fact
        return False
    return True
