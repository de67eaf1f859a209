"""What to believe when the same subtasks were computed several times. Pure.

Each *owner* who answered has one vote, however many machines they have. An answer that at least two
votes more are for than for all others together is believed. Who gave another one was wrong, whether
they lied or their memory is broken. Where nobody else is online who could be asked, more than half
of the votes are enough, and at least two. So:

- An honest owner is never found wrong as long as fewer than half of the owners asked lie: of two or
  three, one.
- Once two answers differ, as many are asked as it takes: two who collude win among three, but not
  where three honest ones are online.
- Owners who collude and are the majority of those asked win, and the honest one is found wrong. No
  comparison can prevent that.
- Who copies an answer that is right cannot be told from somebody who computed it.

An owner whose machines contradict one another has no vote: one of these answers is wrong for sure,
and nobody knows which. As long as nothing else is known that is a broken machine, not a lie: they
are warned. They are found wrong when others have decided what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AGREED = "agreed"  # all answers are equal, and two owners or more gave them
MAJORITY = "majority"  # most owners agree, and the others were wrong
ASK_ANOTHER = "ask_another"  # nothing is decided, and there is an owner who has not answered
UNDECIDABLE = "undecidable"  # they disagree, and nobody else can be asked
SAME_OWNER = "same_owner"  # only machines of one owner agree: that finds faults, not lies
UNCHECKED = "unchecked"  # there is one answer, and nobody else can be asked
OUTCOMES = (AGREED, MAJORITY, ASK_ANOTHER, UNDECIDABLE, SAME_OWNER, UNCHECKED)

CLEAR_LEAD = 2  # votes

WARNINGS = {
    UNDECIDABLE: "Answers to a part of it differed, and nobody else could be asked.",
    SAME_OWNER: "Only machines of one member could be compared: that finds faults, not lies.",
    UNCHECKED: "A part of it was not checked: nobody else could be asked.",
}


@dataclass(frozen=True)
class Answer:
    """What one machine says of the subtasks.

    `says` is equal for answers that agree: the digest of the canonical bytes, or the number of the
    answer's class (`equality_classes`). It is never None.
    """

    owner: str
    says: Hashable


@dataclass(frozen=True)
class Verdict:
    """What follows from the answers.

    `stands` is the place of the answer that is believed; None as long as none is. The agreement of
    the owners in `right` counts for their standing. Those in `wrong` lose theirs. Those in `warned`
    have machines that contradict one another.
    """

    outcome: str
    stands: int | None = None
    right: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    warned: frozenset[str] = frozenset()

    @property
    def is_checked(self) -> bool:
        """Whether two owners or more agree on what stands."""
        return self.outcome in (AGREED, MAJORITY)

    @property
    def is_unverified(self) -> bool:
        """Whether nothing stands and nobody is left: a task that must be verified fails."""
        return self.stands is None and self.outcome in (UNDECIDABLE, UNCHECKED)

    @property
    def warning(self) -> str:
        """What the result has to say of it; "" if nothing."""
        return WARNINGS.get(self.outcome, "")


def judge(
    answers: Sequence[Answer],
    *,
    others_left: bool,
    others_online: bool = False,
    agreements: Mapping[str, int],
    must_agree: bool = False,
) -> Verdict:
    """What to do about these answers, in the order in which they came; there is one at least.

    `others_left`: an owner who has not answered could be asked, or may come; `others_online`: one
    is there now. `agreements` are the standings of the owners, 0 where one is missing. With
    `must_agree` (`verify` is "all") no answer stands that nobody confirmed, and the task fails.
    """
    votes = _votes(answers)
    winner = _winner(votes, lead_min=CLEAR_LEAD if others_online else 1)
    if winner is not None:
        return _decided(answers, votes[winner], winner)
    if others_left:
        return Verdict(ASK_ANOTHER, warned=_contradictory(answers))
    if len(answers) == 1:
        return Verdict(UNCHECKED, stands=None if must_agree else 0)
    if len({answer.says for answer in answers}) == 1:
        return Verdict(SAME_OWNER, stands=0)
    best = _best(answers, votes, agreements)
    stands = None if must_agree else best
    return Verdict(UNDECIDABLE, stands, warned=_contradictory(answers))


def judge_canary(answer: Answer, truth: Hashable, known_from: Collection[str]) -> Verdict:
    """What follows from the answer to subtasks whose partial is taken for known.

    `known_from` are the owners who computed it. The agreement counts only for somebody else. Those
    who confirmed it may have lied alike, so whoever differs is not wrong yet: others are asked.
    """
    if answer.says != truth:
        return Verdict(ASK_ANOTHER)
    return Verdict(AGREED, stands=0, right=frozenset({answer.owner}) - set(known_from))


def equality_classes(partials: Sequence[Any], same: Callable[[Any, Any], bool]) -> list[int]:
    """The place of the first partial that each of these is the `same` as: equal ones agree.

    For kinds that compare by `same`, which need not be transitive: then the earlier ones decide.
    """
    found: list[int] = []
    for place, partial in enumerate(partials):
        firsts = sorted(set(found))
        matching = (first for first in firsts if same(partials[first], partial))
        found.append(next(matching, place))
    return found


def _votes(answers: Sequence[Answer]) -> dict[Hashable, set[str]]:
    """{what is said: the owners whose vote is for it}, in the order of the answers."""
    contradictory = _contradictory(answers)
    votes: dict[Hashable, set[str]] = {answer.says: set() for answer in answers}
    for answer in answers:
        if answer.owner not in contradictory:
            votes[answer.says].add(answer.owner)
    return votes


def _contradictory(answers: Sequence[Answer]) -> frozenset[str]:
    """The owners whose machines say different things."""
    first: dict[str, Hashable] = {}
    for answer in answers:
        first.setdefault(answer.owner, answer.says)
    return frozenset(answer.owner for answer in answers if first[answer.owner] != answer.says)


def _winner(votes: Mapping[Hashable, set[str]], lead_min: int) -> Hashable | None:
    """What two votes or more are for, at least `lead_min` more than for all others; else None."""
    cast = sum(len(owners) for owners in votes.values())
    for says, owners in votes.items():
        against = cast - len(owners)
        if len(owners) >= 2 and len(owners) - against >= lead_min:
            return says
    return None


def _decided(answers: Sequence[Answer], right: set[str], winner: Hashable) -> Verdict:
    wrong = {answer.owner for answer in answers if answer.says != winner}
    stands = next(place for place, answer in enumerate(answers) if answer.says == winner)
    outcome = MAJORITY if wrong else AGREED
    return Verdict(outcome, stands, frozenset(right), frozenset(wrong))


def _best(
    answers: Sequence[Answer], votes: Mapping[Hashable, set[str]], agreements: Mapping[str, int]
) -> int:
    """The place of the answer with most votes; of equals that of best standing, else the first."""

    def worth(place: int) -> tuple[int, int]:
        voters = votes[answers[place].says]
        return len(voters), max((agreements.get(owner, 0) for owner in voters), default=0)

    return max(range(len(answers)), key=worth)  # of equals `max` takes the first
