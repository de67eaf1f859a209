"""Template filters for tasks. They are available everywhere without `{% load %}`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.models import User
from firmlight_client.protocol import Consent
from groups.models import Membership
from tasks import consent, estimates, names
from tasks.estimates import Range
from tasks.models import Standing
from tasks.pages import charts, event_labels, standing, timeline
from tasks.pages.results.factors import Number
from tasks.pages.results.tree import Pieces
from tasks.selectors import trust

register = template.Library()


@register.filter
def member_name(user: User | None) -> str:
    """The username, or "a former member"."""
    return names.member_name(user)


@register.filter
def span(ms: int) -> str:
    """45 ms, 3.2 s, 4 min 5 s"""
    return timeline.span(ms)


@register.filter
def clock(moment: str | datetime | None) -> SafeString | str:
    """The time of day; the browser shows it in the reader's own time zone."""
    if not moment:
        return "–"
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return format_html(
        '<time datetime="{}" data-clock>{}</time>',
        at.isoformat(timespec="seconds"),
        f"{at:%H:%M:%S}",
    )


@register.filter
def ready_in(eta: Range | None) -> str:
    """A range of seconds in words: "40 to 70 s", "2 to 3 min", "a moment"."""
    return estimates.in_words(eta)


@register.filter
def pace(rate: float) -> SafeString:
    """A rate in subtasks a second, in the unit that suits it."""
    if rate <= 0:
        return SafeString('<span class="faint">–</span>')
    if rate >= 2:
        count, unit = rate, "a second"
    elif rate * 60 >= 2:
        count, unit = rate * 60, "a minute"
    else:
        count, unit = rate * 3600, "an hour"
    return format_html("{} <small>{}</small>", f"{count:,.0f}", unit)


@register.filter
def event_label(what: str) -> str:
    return event_labels.label(what)


@register.filter
def event_tone(what: str) -> str:
    return event_labels.tone(what)


@register.filter
def hours(seconds: float) -> str:
    """1.4 h, 12 min, 8 s"""
    return estimates.hours(seconds)


@register.filter
def limits(agreed: Consent) -> list[str]:
    """What the owner of a worker does not agree to, in words."""
    return consent.words(agreed)


@register.filter
def digits(number: Number) -> SafeString:
    """A long number that may break between its groups of digits."""
    groups = format_html_join(
        SafeString("<wbr>"), "<span>{}</span>", ((group,) for group in number.groups)
    )
    return format_html('<span class="digits">{}</span>', groups)


@register.filter
def marked(pieces: Pieces) -> SafeString:
    """Text in pieces; those that a search found are marked."""
    return format_html_join("", "{}", ((_piece(*piece),) for piece in pieces))


def _piece(text: str, is_found: bool) -> str:
    return format_html("<mark>{}</mark>", text) if is_found else text


@register.simple_tag
def standings_in(group: UUID, members: Iterable[Membership]) -> dict[UUID, list[Standing]]:
    """{user: standings} of these members of the group."""
    return trust.of_members(group, [one.user_id for one in members])


@register.simple_tag
def how_standing_is_made() -> str:
    return standing.how_it_is_made()


@register.filter
def checked_share(row: Standing) -> str:
    """How many of their results are checked: all, 8 %, under 1 %."""
    return standing.checked_share(row)


@register.filter
def times_wrong(row: Standing) -> str:
    """never, once, 12 times"""
    return standing.times_wrong(row)


RANGES_SHOWN_MAX = 8


@register.filter
def subtask_ranges(ranges: list[tuple[int, int]] | None) -> str:
    """0 to 31, 64, 70 to 71 and 3 more"""
    found = ranges or []
    shown = [
        f"{first:,}" if first == last else f"{first:,} to {last:,}"
        for first, last in found[:RANGES_SHOWN_MAX]
    ]
    more = len(found) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


SMALL_BARS_PX = 24


@register.filter
def small_bars(counts: list[int]) -> list[charts.Column]:
    """The columns of a small histogram, SMALL_BARS_PX high."""
    return charts.columns(counts, [""] * len(counts), top_px=0, base_px=SMALL_BARS_PX)


@register.filter
def column_words(column: dict[str, Any]) -> str:
    """What a column of a file holds; `column` is as in ParamsError and previews."""
    numbers = _counted(column["count"], "number")
    if column["count"]:
        numbers += f" from {column['min']:.6g} to {column['max']:.6g}"
    words = [f"column {column['number']}", numbers]
    if column["texts"]:
        words.append(_counted(column["texts"], "text"))
    gaps = column["missing"] + column["empty"]
    if gaps:
        words.append(f"{_counted(gaps, 'cell')} without a number")
    return ", ".join(words)


def _counted(count: int, noun: str) -> str:
    plural = "" if count == 1 else "s"
    return f"{count:,} {noun}{plural}"
