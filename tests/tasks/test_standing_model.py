"""Owners who compute and check one another by the rules of `verdicts` and `standing`.

Hypothesis decides who is here, who computes what, who checks it and when a liar lies: always, now
and then, with the same lie as an accomplice, or by copying the first answer. At most one owner lies
about a part, so of three owners' answers one is a lie at most. After every step:

- no honest owner was ever found wrong, or lost standing;
- what was checked is the truth;
- standing has risen only when another owner agreed, never by a check of one's own;
- a liar who was caught has no standing, and each of their parts of running tasks is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tasks import standing, verdicts
from tasks.verdicts import Answer, Verdict

TRUSTED = 3  # few, so that some come to be trusted
TRUTH, COMMON_LIE = "truth", "common lie"

HONEST, LIARS = ("ann", "ben"), ("cy", "dee")
OWNERS = HONEST + LIARS
WAYS_TO_LIE = ("always", "sometimes", "colluding", "copying")

owners = st.sampled_from(OWNERS)
ways = st.sampled_from(WAYS_TO_LIE)
draws = st.floats(0, 1, exclude_max=True)


@dataclass
class Part:
    """What one accepted result was, with all answers to the same subtasks; the first is its own."""

    task: int
    answers: list[Answer]
    must_check: bool
    verdict: Verdict | None = None

    @property
    def owner(self) -> str:
        return self.answers[0].owner

    @property
    def is_settled(self) -> bool:
        return self.verdict is not None and self.verdict.outcome != verdicts.ASK_ANOTHER


class Members(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.agreements = dict.fromkeys(OWNERS, standing.NEWCOMER)
        self.times_wrong = dict.fromkeys(OWNERS, 0)
        self.here = set(OWNERS)
        self.parts: list[Part] = []
        self.running = {0}
        self.ways: dict[str, str] = {}

    @initialize(first=ways, second=ways)
    def choose_ways_to_lie(self, first: str, second: str) -> None:
        self.ways = dict(zip(LIARS, (first, second), strict=True))

    # Who is here, and which tasks run

    @rule(owner=owners)
    def come_or_go(self, owner: str) -> None:
        self.here ^= {owner}

    @rule()
    def submit(self) -> None:
        self.running.add(max(self.running, default=0) + 1)

    @precondition(lambda self: len(self.running) > 1)
    @rule(which=st.integers(0, 99))
    def conclude(self, which: int) -> None:
        """A task waits for its checks as long as somebody can make them; then it ends."""
        task = sorted(self.running)[which % len(self.running)]
        for part in self.open_parts(task):
            while not part.is_settled:
                self.answer(part, self.next_to_ask(part), lies=False)
        self.running.remove(task)

    # Work and checks

    @rule(owner=owners, which=st.integers(0, 99), lies=st.booleans(), draw=draws)
    def work(self, owner: str, which: int, lies: bool, draw: float) -> None:
        if owner not in self.here or not self.running:
            return
        task = sorted(self.running)[which % len(self.running)]
        part = Part(task, [], must_check=False)
        part.answers.append(Answer(owner, self.said(part, owner, lies)))
        part.must_check = standing.is_checked(self.agreements[owner], TRUSTED, draw)
        self.parts.append(part)

    @rule(which=st.integers(0, 999), another=owners, lies=st.booleans())
    def check(self, which: int, another: str, lies: bool) -> None:
        """The check goes to any owner who has not answered, whom nobody can choose."""
        waiting = self.open_parts()
        if not waiting:
            return
        part = waiting[which % len(waiting)]
        fits = another in self.others(part)
        self.answer(part, another if fits else self.next_to_ask(part), lies=lies)

    @rule(which=st.integers(0, 999), owner=owners, lies=st.booleans())
    def second_copy_arrives(self, which: int, owner: str, lies: bool) -> None:
        """At the end of a task: it counts as a check, also if it is of the same owner."""
        running = [part for part in self.parts if part.task in self.running]
        if running and owner in self.here:
            part = running[which % len(running)]
            if not part.is_settled:
                self.answer(part, owner, lies=lies)

    @rule(owner=owners, which=st.integers(0, 999), lies=st.booleans())
    def canary(self, owner: str, which: int, lies: bool) -> None:
        known = [part for part in self.parts if part.verdict and part.verdict.is_checked]
        if owner not in self.here or not known:
            return
        part = known[which % len(known)]
        truth = part.answers[part.verdict.stands].says  # type: ignore[union-attr,index]
        answer = Answer(owner, self.said(part, owner, lies))
        known_from = part.verdict.right  # type: ignore[union-attr]
        verdict = verdicts.judge_canary(answer, truth, known_from)
        assert not verdict.right & known_from, "by an answer that was known from themselves"
        self.apply(verdict, [*part.answers, answer])
        if verdict.outcome == verdicts.ASK_ANOTHER:  # the part is checked anew
            part.answers, part.must_check, part.verdict = [part.answers[0], answer], True, verdict

    # How they answer, and what follows

    def said(self, part: Part, owner: str, lies: bool) -> str:
        """What this owner says of a part; only one of its owners may lie."""
        somebody_else_lied = any(
            answer.owner != owner and answer.says != TRUTH for answer in part.answers
        )
        if somebody_else_lied or owner in HONEST:
            return TRUTH
        match self.ways[owner]:
            case "always":
                return f"lie {len(part.answers)} of {owner}"
            case "sometimes":
                return f"lie of {owner}" if lies else TRUTH
            case "copying" if part.answers:
                return str(part.answers[0].says)
        return COMMON_LIE

    def others(self, part: Part) -> set[str]:
        return self.here - {answer.owner for answer in part.answers}

    def next_to_ask(self, part: Part) -> str:
        """Another owner who is here; without one, the part's own: another machine of theirs."""
        return min(self.others(part), default=part.owner)

    def open_parts(self, task: int | None = None) -> list[Part]:
        tasks = self.running if task is None else {task}
        return [p for p in self.parts if p.must_check and not p.is_settled and p.task in tasks]

    def answer(self, part: Part, owner: str, *, lies: bool) -> None:
        part.answers.append(Answer(owner, self.said(part, owner, lies)))
        left = bool(self.others(part))
        verdict = verdicts.judge(
            part.answers, others_left=left, others_online=left, agreements=self.agreements
        )
        part.verdict = verdict
        self.apply(verdict, part.answers)

    def apply(self, verdict: Verdict, answers: Sequence[Answer]) -> None:
        for owner in verdict.right:
            said = {answer.says for answer in answers if answer.owner == owner}
            assert any(a.owner != owner and a.says in said for a in answers), "by an own check"
            self.agreements[owner] = standing.after_agreement(self.agreements[owner])
        for owner in verdict.wrong:
            self.times_wrong[owner] += 1
            self.agreements[owner] = standing.after_disagreement()
            assert self.agreements[owner] == 0
            self.recheck(owner)

    def recheck(self, owner: str) -> None:
        for part in self.parts:
            if part.owner == owner and part.task in self.running:
                part.must_check = True

    @invariant()
    def honest_owners_are_never_found_wrong(self) -> None:
        assert not any(self.times_wrong[owner] for owner in HONEST)

    @invariant()
    def what_was_checked_is_true(self) -> None:
        for part in self.parts:
            if part.verdict and part.verdict.is_checked:
                assert part.answers[part.verdict.stands].says == TRUTH  # type: ignore[index]
                assert len(part.verdict.right) >= 2

    @invariant()
    def each_part_of_a_newcomer_or_a_caught_liar_is_checked(self) -> None:
        for part in self.parts:
            if self.agreements[part.owner] == 0 and part.task in self.running:
                assert part.must_check


TestMembers = Members.TestCase
TestMembers.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
