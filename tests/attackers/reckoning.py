"""What became of lies, by the results that were delivered and by what the tasks' logs say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.attackers.liar import Liar

# Verdicts on a wrong result.
UNCHECKED = "unchecked"  # a lie stands in it, and it does not say that it was checked
OUTVOTED = "outvoted"  # it was checked, by those who collude
FAULT = "fault"  # it says that it was checked, or nobody lied

Events = Callable[[str], Iterable[Mapping[str, Any]]]  # those of a task, see GET …/events/


def says_checked(verification: Mapping[str, Any] | None) -> bool:
    """Whether a result claims to be checked, all of it."""
    if not verification or verification["reason"]:
        return False
    return verification["how"] == "proof" or verification["checked_share"] >= 1


def judge_wrong_result(task: Mapping[str, Any], liars: Sequence[Liar], events: Events) -> str:
    """How it came that a wrong result was delivered; `task` is as the API shows it."""
    number = str(task["id"])
    lied = [liar for liar in liars if liar.lies_about(number)]
    titles = Counter(liar.title for liar in lied)
    if lied and max(titles.values()) > 1:
        return OUTVOTED
    if not lied or says_checked(task["verification"]):
        return FAULT
    confirmed = Counter(
        event["worker"]["name"]
        for event in events(number)
        if event["what"] == "confirmed" and event["worker"]
    )
    # Of an honest answer one part is confirmed at most, so more of them is a lie confirmed.
    is_lie_confirmed = any(confirmed[liar.worker] > len(liar.truths_about(number)) for liar in lied)
    return FAULT if is_lie_confirmed else UNCHECKED


class Reckoning:
    """The lies of those of one title.

    `is_right` says of each task that delivered a result whether it was right. A lie is *met* if the
    result is right all the same, if the server refused it, or if it was taken out; it *stood* in a
    wrong result; it is *moot* if its task gave none, or the answer never arrived.
    """

    def __init__(self, liars: Sequence[Liar], is_right: Mapping[str, bool], events: Events) -> None:
        self.liars, self.title = liars, liars[0].title
        self.is_right, self.events = is_right, events
        self.answers = sum(len(liar.answers) for liar in liars)
        self.told = sum(liar.told for liar in liars)
        self.stood = sum(self._stood(liar) for liar in liars)
        refused = sum(liar.counts["bad_partial"] for liar in liars)
        self.met = refused + sum(self._met(liar) for liar in liars)
        self.moot = self.told - self.met - self.stood

    @property
    def out(self) -> str:
        """After how many answers each was found wrong for the first time."""
        found = [liar.out_after for liar in self.liars]
        return ", ".join("not found" if number is None else f"{number:,}" for number in found)

    def _met(self, liar: Liar) -> int:
        lies = sum(len(liar.lies_about(task)) for task in self.is_right)
        return lies - self._stood(liar)

    def _stood(self, liar: Liar) -> int:
        stood = 0
        for task, is_right in self.is_right.items():
            lies = [] if is_right else liar.lies_about(task)
            taken_out = self._taken_out(liar, task) if lies else 0.0
            stood += sum(answer.at > taken_out for answer in lies)
        return stood

    def _taken_out(self, liar: Liar, task: str) -> float:
        """When the last of what it did for the task was taken out, s since the epoch; 0: never."""
        moments = [
            datetime.fromisoformat(event["at"]).timestamp()
            for event in self.events(task)
            if event["what"] == "taken_out" and event["worker"]
            if event["worker"]["name"] == liar.worker
        ]
        return max(moments, default=0.0)
