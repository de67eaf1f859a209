"""The standing of members in words."""

from __future__ import annotations

from django.conf import settings

from tasks.models import Standing


def how_it_is_made() -> str:
    return (
        "Standing is how many results of a kind in a row other members have confirmed. All are "
        f"checked until it is {settings.STANDING_TRUSTED}, then fewer and fewer. One wrong result "
        "sets it to 0."
    )


def checked_share(standing: Standing) -> str:
    """How many of their results are checked: all, 8 %, under 1 %."""
    share = standing.checked_share
    if share == 1:
        return "all"
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def times_wrong(standing: Standing) -> str:
    """How often a result of theirs was wrong: never, once, 12 times."""
    times = standing.disagreements_total
    if times <= 1:
        return "once" if times else "never"
    return f"{times:,} times"
