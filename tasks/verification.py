"""How a task's result is checked: what may be asked for, what it costs, what was done. Pure.

`verify` is what a submitter asks for, and a Verification what was done for the result.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

NONE: Final = "none"
AUTO: Final = "auto"
SAMPLE: Final = "sample"
ALL: Final = "all"
VERIFY = (NONE, AUTO, SAMPLE, ALL)  # from the least to the most

# How a result was checked.
PROOF: Final = "proof"
CHECK: Final = "check"
PENDING: Final = "pending"
How = Literal["proof", "check", "sample", "all", "none", "pending"]
HOW = (PROOF, CHECK, SAMPLE, ALL, NONE, PENDING)
ONE_OWNER: Final = "one_owner"
SAME_OWNER: Final = "same_owner"
TIMED_OUT: Final = "timed_out"
UNDECIDED: Final = "undecided"
WITHDRAWN: Final = "withdrawn"
Reason = Literal["", "one_owner", "same_owner", "timed_out", "undecided", "withdrawn"]
REASONS = (ONE_OWNER, SAME_OWNER, TIMED_OUT, UNDECIDED, WITHDRAWN)

WHY = {
    ONE_OWNER: "only one member's computers were online",
    TIMED_OUT: "the checks did not end in time",
}
ONLY_FAULTS = "some of it only by another computer of the same member, which finds faults, not lies"
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """How the result of a task was checked.

    `checked_share`, 0..1, is the share of the task's subtasks that were recomputed and agreed.
    `owners` took part in checks beside those who computed first; `disagreements` is how many of
    all of them disagreed, and `taken_out` how many subtasks were computed again therefore.
    `reason` says why less was checked than was asked for, or what is left open. PENDING: the result
    is delivered, and its checks go on. WITHDRAWN: the result that was delivered was wrong. Of the
    one that is made instead it is said that it `replaces` the first.
    """

    how: How
    checked_share: float = 0.0
    owners: int = 0
    disagreements: int = 0
    reason: Reason = ""
    taken_out: int = 0
    replaces: bool = False

    def plain(self) -> dict[str, Any]:
        """As it is stored."""
        stored: dict[str, Any] = msgspec.to_builtins(self)
        return stored

    def shown(self) -> dict[str, Any]:
        """As the API shows it: with the sentence."""
        return {**self.plain(), "sentence": self.sentence}

    @property
    def is_recomputed(self) -> bool:
        """Whether any of it was computed a second time."""
        return bool(self.checked_share or self.disagreements)

    @property
    def sentence(self) -> str:
        """What people read."""
        said = self._checked()
        if self.replaces:
            return f"{said.removesuffix('.')}; this result replaces one that was withdrawn."
        return said

    def _checked(self) -> str:
        if self.reason == WITHDRAWN:
            return "Withdrawn: a part of it was wrong."
        if self.how == PENDING:
            return f"Being checked: {self._so_far}."
        if self.how == PROOF:
            return "Proved: every part was checked, nothing had to be recomputed."
        if self.how == CHECK:
            because = f", because {WHY[self.reason]}" if self.reason in WHY else ""
            return f"Every part fits the rules of its kind; nothing was recomputed{because}."
        if self.is_recomputed:
            return f"{self._amount} by {self._others}{self._outcome}."
        return self._nothing_recomputed()

    def _nothing_recomputed(self) -> str:
        if self.reason in WHY:
            return f"Not checked: {WHY[self.reason]}."
        if self.how == NONE:
            return "Not checked, as its submitter wished."
        return "Nothing was recomputed: those who computed it are known, and checked now and then."

    @property
    def _so_far(self) -> str:
        if not self.checked_share:
            return "other members compute it again"
        return f"{percent(self.checked_share).lower()} was recomputed so far, and agreed"

    @property
    def _amount(self) -> str:
        """Nothing agreed: then no percentage of it can be named."""
        return f"{percent(self.checked_share)} recomputed" if self.checked_share else "Recomputed"

    @property
    def _others(self) -> str:
        if not self.owners:
            return "another computer of the same member"
        plural = "" if self.owners == 1 else "s"
        return f"{in_words(self.owners)} other member{plural}"

    @property
    def _outcome(self) -> str:
        if self.reason == UNDECIDED:
            disagreed = f"but {self._who_disagreed} disagreed and nobody was left to decide"
            return f", {disagreed}: the result may be wrong"
        if self.disagreements:
            agreed = f"; {self._who_disagreed} disagreed, {self._consequence}"
        elif self.owners:
            agreed = ", who agreed" if self.owners == 1 else ", all agreed"
        else:
            agreed = ", which agreed: that finds faults, not lies"
        if self.owners and self.reason == SAME_OWNER:
            return f"{agreed}; {ONLY_FAULTS}"
        return f"{agreed}; {WHY[self.reason]}" if self.reason == TIMED_OUT else agreed

    @property
    def _who_disagreed(self) -> str:
        return in_words(self.disagreements)

    @property
    def _consequence(self) -> str:
        if not self.taken_out:
            return "and the majority stands"
        parts = "part was" if self.disagreements == 1 else "parts were"
        return f"and their {parts} taken out and computed again"


def from_plain(stored: dict[str, Any] | None) -> Verification | None:
    """What `Verification.plain` made; None for None, and for what only a newer version can read."""
    if stored is None:
        return None
    try:
        return msgspec.convert(stored, Verification)
    except msgspec.ValidationError:
        return None


def raised(asked: str, least: str) -> str:
    """The more of both; "" is nothing at all. AUTO if nobody said anything."""
    said = [verify for verify in (asked, least) if verify]
    return max(said, key=VERIFY.index, default=AUTO)


def costs(sample_share: float) -> dict[str, str]:
    """What each choice costs; `sample_share`, 0..1, is what a sample recomputes."""
    about = f"about {percent(sample_share).lower()} more work"
    return {
        NONE: "no more work",
        AUTO: f"{about} once the group's members are known, more at first",
        SAMPLE: about,
        ALL: "twice the work",
    }


def intention(verify: str, sample_share: float) -> str:
    """What is to be checked of a task that is not over yet, in one sentence."""
    about = f"About {percent(sample_share).lower()} is recomputed by other members"
    return {
        NONE: "Nothing of it is recomputed.",
        AUTO: f"{about}, more of what comes from members who are not known yet.",
        SAMPLE: f"{about}.",
        ALL: "All of it is recomputed by other members.",
    }[verify]


def percent(share: float) -> str:
    """4 %; a part is never rounded to nothing or to the whole."""
    if 0 < share < 0.01:
        return "Less than 1 %"
    if 0.99 < share < 1:
        return "More than 99 %"
    return f"{100 * share:.0f} %"


def in_words(number: int) -> str:
    """Numbers up to ten in words."""
    return NUMBERS[number] if 0 <= number < len(NUMBERS) else f"{number:,}"
