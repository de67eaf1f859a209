"""Compare what several owners computed of the same subtasks, and act on what comes of it.

`tasks.verdicts` says what is believed. Owners who agree with another one rise in standing. Of an
owner who was wrong all that they did for the task is taken out, and their standing is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from core import metrics
from core.errors import Busy
from firmlight_client import kinds
from tasks import blobs, events, states, verdicts
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import KindFault, KindRaised, KindStopped, NotWanted
from tasks.models import Task, Worker
from tasks.queue import checks
from tasks.queue.checks import Check
from tasks.queue.progress import Part
from tasks.selectors import trust
from tasks.services import rechecking, standing
from tasks.services.under_way import KindGone, StillWanted, kind_of
from tasks.verdicts import Answer, Verdict
from tasks.verification import ALL

CHECKS_AT_A_TIME, BYTES_AT_A_TIME = 100, 16 * 2**20
ROUNDS_MAX = 100  # of one job; the next one goes on
OWNERS_ASKED_MAX = 9  # about one part; from then on the majority is enough
COMPARING_SECONDS = 300.0  # after which a job that compares is taken to be dead
EXPECTED = "a result that its subtasks allow"
WRONG = "Another result of the same subtasks was confirmed."
log = structlog.get_logger(__name__)


def compare_answers(task_id: str) -> None:
    """Compare the answers that are there, and ask for what follows.

    Of several callers one compares; answers that come meanwhile are compared too. A task whose
    result is delivered already may have checks still, see `pending`.
    """
    task = Task.objects.filter(pk=task_id).first()
    if task is None or not (task.status == states.RUNNING or task.is_pending):
        return
    if not checks.begin_comparing(task.group_id, task.pk, COMPARING_SECONDS):
        return
    try:
        _compare_ready(task)
    except KindFault as error:  # the sweep asks again
        log.warning("checks_not_compared", task=str(task.pk), reason=str(error))
        return
    except (Busy, NotWanted, KindGone) as error:
        log.info("checks_compared_later", task=str(task.pk), reason=str(error))
        return
    finally:
        checks.end_comparing(task.group_id, task.pk)
    stands = checks.standing_of(task.group_id, task.pk).now()
    if stands and stands.ready:  # they came between the last look and the end
        events.compare(task.pk)
    elif task.is_pending or (stands and stands.complete_ms >= 0):
        events.conclude(task.pk)


def _compare_ready(task: Task) -> None:
    for _ in range(ROUNDS_MAX):
        if not _compare_some(task, is_last_chance=False):
            return


def decide_rest(task: Task) -> None:
    """Decide all checks that have an answer, whoever else could be asked still.

    For a task that is complete and has waited long enough. Raises as `calls.compare` does.
    """
    for _ in range(ROUNDS_MAX):
        if not _compare_some(task, is_last_chance=True):
            return


def _compare_some(task: Task, *, is_last_chance: bool) -> bool:
    """Settle a few of them, or ask one more owner; whether there were any."""
    unsettled = checks.unsettled(
        task.group_id,
        task.pk,
        most=CHECKS_AT_A_TIME,
        bytes_max=BYTES_AT_A_TIME,
        every=is_last_chance,
    ).now()
    found = [Case(check) for check in unsettled]
    found = [case for case in found if len(case.candidates) > 1]
    if not found:
        return False
    data = blobs.get_input(task.group_id, task.pk)
    if data is None:
        return False  # the sweep fails the task
    kind = kind_of(task)
    outcome = Findings(task)
    for case, compared in _compared(task, kind, found, data):
        outcome.settle(case, compared, is_last_chance=is_last_chance)
    outcome.carry_out()
    return True


@dataclass(frozen=True)
class Candidate:
    """What one owner says of a part's subtasks; `lease` is "" for the part itself."""

    owner: str
    worker: str
    lease: str
    pieces: calls.Candidate


class Case:
    """A check with what is to be compared: the part, and each answer that is whole."""

    def __init__(self, check: Check) -> None:
        self.check = check
        part = check.part
        own = Candidate(part.owner, part.worker, "", [(check.partial, part.runs)])
        self.candidates = [own, *_whole_answers(check)]

    @property
    def pieces(self) -> list[calls.Candidate]:
        return [candidate.pieces for candidate in self.candidates]


def _whole_answers(check: Check) -> Iterable[Candidate]:
    """The answers of which all pieces are there, in the order in which they began."""
    wanted = sorted(check.part.subtasks)
    by_lease: dict[str, list[tuple[Part, bytes]]] = {}
    for piece, partial in zip(check.pieces, check.answers, strict=True):
        by_lease.setdefault(piece.lease, []).append((piece, partial))
    for lease, rows in by_lease.items():
        if sorted(subtask for piece, _ in rows for subtask in piece.subtasks) == wanted:
            first = rows[0][0]
            pieces = [(partial, piece.runs) for piece, partial in rows]
            yield Candidate(first.owner, first.worker, lease, pieces)


def _compared(
    task: Task, kind: kinds.Kind, cases: Sequence[Case], data: bytes
) -> Iterable[tuple[Case, calls.Compared | None]]:
    """Each case with what came of it; None if its comparison takes too much.

    If one of several does, they are compared one by one, so that it does not keep the others.
    """
    try:
        given = [case.pieces for case in cases]
        wanted = StillWanted(task, task.status)
        yield from zip(cases, calls.compare(kind, given, data, wanted=wanted), strict=True)
    except (KindStopped, KindRaised) as error:
        if len(cases) == 1:
            if not error.lasting:
                raise
            log.warning("check_too_hard", task=str(task.pk), reason=str(error))
            yield cases[0], None
            return
        for case in cases:
            yield from _compared(task, kind, [case], data)


@dataclass
class Wrong:
    """What an owner got wrong, for people."""

    expected: str
    came: str
    worker: str


@dataclass
class Findings:
    """What the comparisons say of owners: counted, and carried out once for each."""

    task: Task
    right: Counter[str] = field(default_factory=Counter)  # owner -> results that were confirmed
    wrong: dict[str, Wrong] = field(default_factory=dict)
    # owner -> two machines of theirs that differ, and what each of them said, in words
    warned: dict[str, tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=dict)
    redone: int = 0  # subtasks
    lacks_payloads: bool = False  # a check that is to go on
    agreements: dict[str, int] = field(default_factory=dict)  # in a row, of owners asked for

    def settle(self, case: Case, compared: calls.Compared | None, *, is_last_chance: bool) -> None:
        if compared is None:
            self._settle(case, checks.CANARY if case.check.canary else checks.UNCHECKED)
            return
        if case.check.canary:
            self._settle_canary(case, compared)
            return
        sound = [place for place, flaw in enumerate(compared.flaws) if not flaw]
        flawed = {
            case.candidates[place].owner: Wrong(EXPECTED, flaw, case.candidates[place].worker)
            for place, flaw in enumerate(compared.flaws)
            if flaw
        }
        if 0 not in sound:  # the part cannot be right: its subtasks are done anew
            self._settle(case, checks.UNCHECKED, wrong=flawed)
            return
        verdict = self._judge(case, compared, sound, is_last_chance=is_last_chance)
        if verdict.warned:
            self._warn(case, compared, sound)
        if verdict.outcome == verdicts.ASK_ANOTHER:
            self._settle(case, checks.AGAIN, wrong=flawed)
        elif verdict.is_checked:
            stands = sound[verdict.stands or 0]
            lies = {
                candidate.owner: Wrong(*compared.words(stands, place), candidate.worker)
                for place, candidate in enumerate(case.candidates)
                if place in sound and candidate.owner in verdict.wrong
            }
            lease = case.candidates[stands].lease
            self._settle(
                case, checks.CONFIRMED, lease=lease, wrong=flawed | lies, right=verdict.right
            )
        elif verdict.outcome == verdicts.SAME_OWNER:
            self._settle(case, checks.SAME_OWNER, wrong=flawed)
        elif verdict.outcome == verdicts.UNDECIDABLE:
            place = 0 if verdict.stands is None else sound[verdict.stands]
            lease = case.candidates[place].lease
            self._settle(case, checks.UNDECIDED, lease=lease, wrong=flawed)
        else:
            self._settle(case, checks.UNCHECKED, wrong=flawed)

    def _settle_canary(self, case: Case, compared: calls.Compared) -> None:
        """What the part says is taken for known; if the answer differs, both are doubted."""
        part, answer = case.candidates[0], case.candidates[1]
        if flaw := compared.flaws[1]:
            lie = Wrong(EXPECTED, flaw, answer.worker)
            self._settle(case, checks.CANARY, wrong={answer.owner: lie})
            return
        said = Answer(answer.owner, compared.classes[1])
        verdict = verdicts.judge_canary(said, compared.classes[0], [part.owner])
        how = checks.CANARY if verdict.is_checked else checks.DOUBTED
        self._settle(case, how, right=verdict.right)

    def _judge(
        self, case: Case, compared: calls.Compared, sound: Sequence[int], *, is_last_chance: bool
    ) -> Verdict:
        answers = [Answer(case.candidates[place].owner, compared.classes[place]) for place in sound]
        # Machines of one owner that agree do not wait for others who may come.
        is_one_voice = len(answers) > 1 and len(set(answers)) == 1
        may_come = case.check.others if is_one_voice else True
        owners = {answer.owner for answer in answers}
        may_ask_more = case.check.others and len(owners) < OWNERS_ASKED_MAX
        return verdicts.judge(
            answers,
            others_left=may_come and not is_last_chance,
            others_online=may_ask_more and not is_last_chance,
            agreements=self._agreements(answer.owner for answer in answers),
            must_agree=self.task.verify == ALL,
        )

    def _warn(self, case: Case, compared: calls.Compared, sound: Sequence[int]) -> None:
        """Two machines of the part's owner differ: one of them is broken, nobody knows which."""
        owner = case.candidates[0].owner
        theirs = [place for place in sound if case.candidates[place].owner == owner]
        for place in theirs[1:]:
            if compared.classes[place] != compared.classes[0]:
                machines = (case.candidates[0].worker, case.candidates[place].worker)
                self.warned[owner] = (machines, compared.words(0, place))

    def _agreements(self, owners: Iterable[str]) -> dict[str, int]:
        unknown = set(owners) - self.agreements.keys()
        if unknown:
            task = self.task
            self.agreements |= trust.agreements(
                task.group_id, task.kind, task.kind_version, unknown
            )
        return self.agreements

    def _settle(
        self,
        case: Case,
        how: str,
        *,
        lease: str = "",
        wrong: dict[str, Wrong] | None = None,
        right: Iterable[str] = (),
    ) -> None:
        task, lies = self.task, wrong or {}
        settled = checks.settle(
            task.group_id,
            task.pk,
            check=case.check,
            how=how,
            lease=lease,
            checkers=[c.owner for c in case.candidates[1:] if c.owner != case.check.part.owner],
            wrong=list(lies),
            message=WRONG,
        ).now()
        if not settled.settled:  # by another job, or the part was taken out
            return
        if how not in (checks.AGAIN, checks.DOUBTED):
            metrics.count("checks_settled", 1, _outcome(how, lies))
        metrics.count("parts_taken_out", settled.parts)
        metrics.count("owners_sanctioned", len(settled.caught))
        self.redone += settled.subtasks
        self.lacks_payloads |= settled.lacking
        self.right.update(right)
        # Who is asked again with the same flawed answer was held to it before.
        held = lies if how != checks.AGAIN else {owner: lies[owner] for owner in settled.caught}
        self.wrong |= held
        events.publish(events.wake(settled.wake, task.group_id))

    def carry_out(self) -> None:
        """Note who was right and who was wrong, and have done anew what was taken out."""
        task = self.task
        kind = (task.kind, task.kind_version)
        for owner, times in self.right.items():
            standing.note_agreement(task.group_id, owner, *kind, times)
        for owner, lie in self.wrong.items():
            log.warning("owner_was_wrong", task=str(task.pk), owner=owner, worker=lie.worker)
            standing.note_disagreement(
                task.group_id,
                owner,
                *kind,
                expected=lie.expected,
                came=lie.came,
                task=task,
                worker=Worker.objects.filter(pk=lie.worker).first(),
            )
            rechecking.recheck(task, owner)
        for owner, (machines, said) in self.warned.items():
            standing.warn(task, owner, Worker.objects.filter(pk__in=machines), said)
        if self.redone:
            metrics.count("subtasks_taken_out", self.redone)
        if self.redone or self.lacks_payloads:
            events.split(task.pk)  # makes the payloads anew


def _outcome(how: str, wrong: Collection[str]) -> str:
    """What a check came to, for the metrics."""
    if wrong:
        return "disagreed"
    return "agreed" if how == checks.CONFIRMED else how
