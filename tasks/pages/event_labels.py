"""What pages call the events of a task, and the tone in which they show them."""

from __future__ import annotations

LABELS = {
    "again": "Taken over",
    "bad_partial": "Malformed result",
    "cancelled": "Cancelled",
    "checked": "Check",
    "confirmed": "Confirmed",
    "copied": "Second copy",
    "decided": "Decided",
    "delivered": "Delivered",
    "done": "Done",
    "failed": "Failed",
    "failed_for_good": "Failed permanently",
    "kind_changed": "Other version",
    "leased": "Leased",
    "lost": "Lost",
    "overtaken": "Overtaken",
    "paused": "Paused",
    "rechecked": "Checked later",
    "released": "Given back",
    "resumed": "Resumed",
    "split": "Split",
    "started": "Started",
    "submitted": "Submitted",
    "succeeded": "Finished",
    "taken_out": "Taken out",
    "withdrawn": "Withdrawn",
}
TONES = {
    "again": "join",
    "bad_partial": "bad",
    "confirmed": "good",
    "copied": "join",
    "decided": "good",
    "delivered": "good",
    "failed": "bad",
    "failed_for_good": "bad",
    "lost": "bad",
    "succeeded": "good",
    "taken_out": "bad",
    "withdrawn": "bad",
}


def label(event: str) -> str:
    return LABELS.get(event, event.capitalize())


def tone(event: str) -> str:
    """bad, good, join (a worker takes over), or "" for what happens all the time."""
    return TONES.get(event, "")
