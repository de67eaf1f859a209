"""unfold's settings: names, colours and navigation. Settings read this, so it imports no app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _page(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    """A list in the navigation, shown to staff who may see it."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_see(app, model),
    }


def _may_see(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def may(request: HttpRequest) -> bool:
        return any(request.user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change"))

    return may


NAVIGATION = [
    {"items": [{"title": "Overview", "icon": "monitoring", "link": reverse_lazy("admin:index")}]},
    {
        "title": "People",
        "items": [
            _page("Users", "person", "accounts", "user"),
            _page("Sessions", "devices", "accounts", "session"),
            _page("Worker tokens", "key", "accounts", "workertoken"),
            _page("Notifications", "notifications", "accounts", "notification"),
        ],
    },
    {
        "title": "Groups",
        "items": [
            _page("Groups", "groups", "groups", "group"),
            _page("Members", "group_add", "groups", "membership"),
            _page("Invitations", "mail", "groups", "invitation"),
            _page("Requests to join", "door_open", "groups", "joinrequest"),
            _page("Links", "link", "groups", "invitelink"),
        ],
    },
    {
        "title": "Work",
        "items": [
            _page("Tasks", "task", "tasks", "task"),
            _page("Workers", "computer", "tasks", "worker"),
            _page("Contributions", "volunteer_activism", "tasks", "contribution"),
            _page("Standing", "verified_user", "tasks", "standing"),
            _page("Failures", "error", "tasks", "subtaskfailure"),
            _page("Tallies", "bar_chart", "tasks", "tally"),
        ],
    },
    {
        "title": "System",
        "items": [
            _page("Audit log", "history", "accounts", "auditentry"),
            _page("Periodic tasks", "schedule", "django_celery_beat", "periodictask"),
            _page("Roles of the staff", "shield_person", "auth", "group"),
        ],
    },
]

UNFOLD = {
    "SITE_TITLE": "Firmlight",
    "SITE_HEADER": "Firmlight",
    "SITE_SUBHEADER": "Moderation",
    "SITE_SYMBOL": "lightbulb",
    "BORDER_RADIUS": "6px",
    # Our style sheet has the colours; unfold would write them into every page.
    "COLORS": lambda request: {},
    "STYLES": [lambda request: static("firmlight/admin.css")],
    "DASHBOARD_CALLBACK": "firmlight.admin_site.overview.facts",
    "SIDEBAR": {"show_search": False, "navigation": NAVIGATION},
}
