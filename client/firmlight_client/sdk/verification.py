"""How a task's result was checked, as the server tells it."""

from __future__ import annotations

import msgspec


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """How a result was checked; as text it is one sentence.

    `how` is "proof", "check", "sample", "all" or "none", or "pending": the result is delivered, and
    is being checked; `refresh` of the task brings what came of it. `checked_share`, 0..1, is the
    share of the subtasks that were recomputed and agreed; `owners` are the members who took part in
    checks, beside those who computed first; `disagreements` is how many disagreed, `taken_out` how
    many subtasks were computed again therefore. `reason` says why less was checked than was asked
    for, or what is left open: "one_owner", "same_owner", "timed_out", "undecided", "withdrawn" or
    "". The result `replaces` another one that was delivered before and withdrawn.
    """

    how: str
    checked_share: float = 0.0
    owners: int = 0
    disagreements: int = 0
    reason: str = ""
    taken_out: int = 0
    replaces: bool = False
    sentence: str = ""

    def __str__(self) -> str:
        return self.sentence
