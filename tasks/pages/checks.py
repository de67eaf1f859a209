"""What pages say about the checks of a task, and what the form of a new one offers."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from firmlight_client import kinds
from tasks import states, verification
from tasks.models import Task
from tasks.verification import (
    ALL,
    AUTO,
    NONE,
    PENDING,
    SAMPLE,
    UNDECIDED,
    VERIFY,
    WITHDRAWN,
    Verification,
)

LABELS = {NONE: "Nothing", AUTO: "Automatic", SAMPLE: "A sample", ALL: "Everything"}
LEAST = {
    "": "",
    AUTO: "This group asks for automatic checks at least.",
    SAMPLE: "This group asks for a sample at least.",
    ALL: "This group asks for everything.",
}
PROVEN = "Its kind proves its results: nothing has to be recomputed."
RULES_ONLY = "Its results cannot be compared: only the rules of its kind are checked."
RAISED = "The group asks for that; its submitter had asked for less."


@dataclass(frozen=True)
class Checks:
    """A line about checks; may have no text."""

    text: str = ""
    tone: str = ""  # "good", "warn" or none
    icon: str = ""


def of_task(task: Task) -> Checks:
    """What is to be checked. Without a text once there is a result, which says it itself."""
    if task.status == states.SUCCEEDED:
        return Checks()
    if task.is_final:
        return of_result(task)
    return Checks(_intention(task), icon="users")


def of_result(task: Task) -> Checks:
    """How the result was checked; without a text if nothing is known of that."""
    if task.checked is None:
        return Checks()
    tone, icon = _look(task.checked)
    return Checks(task.checked.sentence, tone, icon)


def _intention(task: Task) -> str:
    kind = kinds.installed().get(task.kind)
    if kind and kind.proves:
        return PROVEN
    if kind and not kinds.is_comparable(kind):
        return RULES_ONLY
    text = verification.intention(task.verify, settings.VERIFY_SAMPLE_SHARE)
    was_raised = task.verify_asked not in ("", task.verify)
    return f"{text} {RAISED}" if was_raised else text


def _look(checked: Verification) -> tuple[str, str]:
    """Tone and icon."""
    if checked.how == PENDING:
        return "", "clock"
    if checked.reason in (UNDECIDED, WITHDRAWN):
        return "warn", "alert"
    return ("", "alert") if checked.how == NONE else ("good", "check")


def choices(least: str) -> list[tuple[str, str]]:
    """What a submitter may choose in a group that asks for at least `least`, with what it costs."""
    costs = verification.costs(settings.VERIFY_SAMPLE_SHARE)
    offered = VERIFY[VERIFY.index(least) :] if least else VERIFY
    return [(one, f"{LABELS[one]}: {costs[one]}") for one in offered]


def hint(kind: kinds.Kind, least: str) -> str:
    """What the choice is about, for people who submit a task of this kind."""
    if kind.proves:
        return f"{kind.name} proves its results, so nothing has to be recomputed."
    if not kinds.is_comparable(kind):
        return f"Results of {kind.name} cannot be compared, so nothing of them is recomputed."
    about = "Other members' computers compute this again, so that a wrong result is noticed."
    return f"{about} {LEAST[least]}".rstrip()
