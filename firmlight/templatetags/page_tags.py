"""Template tags for all pages: icons, lamps, badges, people, and moments.

They are loaded everywhere without `{% load %}`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil

from accounts.models import Notification

register = template.Library()

HUES = 6
RECENT_DAYS = 7  # older moments are dates


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """A symbol of firmlight/icons/_sprite.html.

    It is hidden from screen readers: a word stands beside it, or the element has a label.
    """
    return format_html(
        '<svg class="i{}" viewBox="0 0 16 16" aria-hidden="true"><use href="#i-{}"/></svg>',
        " i-sm" if size == "sm" else "",
        name,
    )


@register.simple_tag
def lamp(state: str, label: str = "") -> SafeString:
    """The lamp of a worker or group; `state` is lit, ready, off or lost.

    Without `label` it is hidden from screen readers, since the word stands beside it.
    """
    hidden = SafeString('aria-hidden="true"')
    says = format_html('role="img" aria-label="{}"', label) if label else hidden
    return format_html(
        '<svg class="lamp" data-state="{}" viewBox="0 0 10 10" {}>'
        '<circle cx="5" cy="5" r="4"/></svg>',
        state,
        says,
    )


@register.simple_tag
def badge(status: str) -> SafeString:
    """A task's status: a shape and its word."""
    return format_html(
        '<span class="badge" data-status="{0}"><svg viewBox="0 0 12 12" aria-hidden="true">'
        '<use href="#s-{0}"/></svg>{1}</span>',
        status,
        status.capitalize(),
    )


@register.simple_tag
def avatar(name: str, key: UUID | None = None, size: str = "") -> SafeString:
    """A round letter; its colour is the same wherever this person or group appears."""
    return format_html(
        '<span class="avatar{}" data-hue="{}" aria-hidden="true">{}</span>',
        " avatar-lg" if size == "lg" else "",
        1 + (key.int if key else 0) % HUES,
        name[:1].upper(),
    )


@register.filter
def when(moment: datetime | None) -> SafeString | str:
    """<time> with words for what is near, a date for what is far; the exact moment is its title."""
    if moment is None:
        return "never"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        f"{moment:%Y-%m-%d %H:%M} UTC",
        _words(moment, timezone.now()),
    )


def _words(moment: datetime, now: datetime) -> str:
    away = abs((now - moment).total_seconds())
    if away < 60:
        return "a moment ago" if moment <= now else "in a moment"
    if moment > now:
        return f"in {timeuntil(moment, now, depth=1)}"
    if away < RECENT_DAYS * 86400:
        return f"{timesince(moment, now, depth=1)} ago"
    if moment.year == now.year:
        return f"{moment:%-d %b}"
    return f"{moment:%-d %b %Y}"


@register.simple_tag(takes_context=True)
def here(context: template.Context, *names: str) -> SafeString:
    """`aria-current="page"` if this page is one of these names."""
    match = getattr(context.get("request"), "resolver_match", None)
    return SafeString('aria-current="page"' if match and match.url_name in names else "")


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The query of this address with these changes; empty values are left out."""
    asked = context["request"].GET.copy()
    for name, value in changes.items():
        asked.pop(name, None)
        if value not in ("", None):
            asked[name] = value
    return f"?{asked.urlencode()}"


@register.filter
def at(table: dict[Any, Any], key: Any) -> Any:
    """The dict's value for this key, or None."""
    return table.get(key)


@register.filter
def tone(level: str) -> str:
    """A notification's level as the style sheet calls it."""
    return {"success": "good", "warning": "warn", "error": "bad"}.get(level, "info")


@register.filter
def tone_icon(level: str) -> str:
    return {"success": "check", "warning": "alert", "error": "x"}.get(level, "bell")


# After these there is nothing to open.
GONE = {"group_deleted", "member_removed", "invitation_withdrawn", "join_declined"}


@register.filter
def way(note: Notification) -> str:
    """The address that a notification leads to, or ""."""
    if note.task_id:
        return reverse("page:task", args=(note.task_id,))
    if note.group_id is None or note.code in GONE:
        return ""
    if note.code == "invited":
        return reverse("page:notifications")
    return reverse("page:group", args=(note.group_id,))


# The first that a User-Agent contains: Edge and Opera name Chrome, too, and Chrome names Safari.
PROGRAMS = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "firmlight", "python-httpx", "curl")
SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")
NAMES = {
    "Edg": "Edge",
    "OPR": "Opera",
    "python-httpx": "A Python program",
    "firmlight": "A Firmlight program",
    "Mac OS X": "macOS",
}


@register.filter
def device(user_agent: str) -> str:
    """A User-Agent as a few words: "Firefox on Linux"."""
    program = next((one for one in PROGRAMS if one in user_agent), "")
    system = next((one for one in SYSTEMS if one in user_agent), "")
    words = [NAMES.get(program, program) or "Some device", NAMES.get(system, system)]
    return " on ".join(word for word in words if word)


@register.filter
def spelled(code: str) -> str:
    """ "B C D F", so that screen readers read a code letter by letter."""
    return " ".join(code)


@register.filter
def spaced(count: int) -> str:
    """12,345"""
    return f"{count:,}"
