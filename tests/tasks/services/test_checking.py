"""Answers to checks are compared; a liar is found, taken out, and the right result delivered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from pytest_django import Settings

from accounts.models import Notification, User
from firmlight_client import kinds
from groups.models import Group, Membership
from tasks import states
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import OutOfMemory
from tasks.models import Standing, Task, Worker
from tasks.queue import checks, leasing
from tasks.queue.answers import Checks, Granted
from tasks.queue.progress import outcome_of, progress_of
from tasks.selectors import history, trust
from tasks.services import standing
from tasks.services.checking import compare_answers, decide_rest
from tasks.services.deliver import result_of
from tasks.services.finish import cancel_task
from tasks.services.split import split_task
from tasks.services.sweep import reconcile
from tests.tasks.conftest import compute, conclude

Split = Callable[..., Task]
Lease = Callable[[Worker], Granted | None]
Work = Callable[[Worker], int]
Say = Callable[[Any, Worker], object]
# Beside numbers as large, what MEAN checks without computing cannot tell 1 from 2.
NUMBERS = [1e12, -1e12, 1.0, 1.0] * 8_000  # 16 subtasks
MEAN = 0.5


@pytest.fixture
def owners(group: Group, make_user: Callable[[str], User]) -> list[User]:
    """Three members beside the creator."""
    found = [make_user(name) for name in ("ann", "ben", "cyd")]
    for user in found:
        Membership.objects.create(group=group, user=user)
    Notification.objects.all().delete()
    return found


@pytest.fixture
def machines(owners: list[User]) -> list[Worker]:
    return [Worker.objects.create(owner=user, name=f"{user.username}s") for user in owners]


@pytest.fixture
def task(split: Split, settings: Settings) -> Task:
    settings.LEASE_SUBTASKS_MAX = 3
    return split(kind="MEAN", numbers=NUMBERS, verify="all")


def lie(granted: Granted | None, worker: Worker) -> None:
    """Send what is wrong and plausible."""
    assert granted
    kind = kinds.get("MEAN")
    payloads = [msgspec.msgpack.decode(payload) for payload in granted.payloads]
    partials = [kind.run(altered(payload)) for payload in payloads]
    partial = msgspec.msgpack.encode(kinds.combine_all(kind, partials))
    call = leasing.complete(
        granted.lease, worker=worker.pk, subtasks=granted.subtasks, partial=partial
    )
    assert call.now().reason == ""


def altered(payload: bytes) -> bytes:
    """The numbers of a subtask, with one of them changed."""
    numbers = np.frombuffer(payload, dtype="<f8").copy()
    numbers[2] = 2.0
    return bytes(numbers.tobytes())


def stands(task: Task) -> Checks:
    found = checks.standing_of(task.group_id, task.pk).now()
    assert found
    return found


def in_a_row(task: Task, worker: Worker) -> int:
    owner = str(worker.owner_id)
    return trust.agreements(task.group_id, task.kind, task.kind_version, [owner])[owner]


def test_who_agrees_with_another_owner_rises_in_standing(
    task: Task, work: Work, lease: Lease, machines: list[Worker]
) -> None:
    ann, ben, _ = machines
    granted = lease(ann)
    assert granted
    compute(granted, ann)
    check = lease(ben)
    assert check
    assert check.subtasks == granted.subtasks
    assert compute(check, ben).compare
    compare_answers(str(task.pk))
    assert (stands(task).checked, stands(task).open) == (len(granted.subtasks), 0)
    assert (in_a_row(task, ann), in_a_row(task, ben)) == (1, 1)


def test_a_liar_among_three_is_found_and_the_right_result_delivered(
    task: Task, work: Work, lease: Lease, machines: list[Worker], alice: User
) -> None:
    ann, liar, cyd = machines
    standing.note_agreement(task.group_id, liar.owner_id, "MEAN", task.kind_version, 50)
    first, lies = lease(ann), [lease(liar) for _ in range(2)]
    assert first
    compute(first, ann)
    for granted in lies:
        lie(granted, liar)
    for _ in range(4):
        work(cyd)
        work(ann)
        compare_answers(str(task.pk))
        split_task(str(task.pk))
    assert in_a_row(task, liar) == 0
    row = Standing.objects.get(owner=liar.owner)
    assert row.disagreements_total == 1
    (notice,) = Notification.objects.filter(user=liar.owner, code="wrong_result")
    assert "bens" in notice.text
    assert "Expected" in notice.text
    assert Notification.objects.filter(user=alice, code="wrong_result_of_member").exists()
    found = stands(task)
    assert found.wrong == 1
    assert found.taken_out == sum(len(granted.subtasks) for granted in lies if granted)
    assert conclude(task).status == states.SUCCEEDED
    checked = task.checked
    assert checked
    assert (checked.how, checked.checked_share, checked.disagreements) == ("all", 1.0, 1)
    assert checked.taken_out == found.taken_out
    result = json.loads(result_of(task))
    assert (result["count"], result["mean"]) == (len(NUMBERS), MEAN)


def test_a_checker_who_lies_is_found_too_and_the_part_stands(
    task: Task, lease: Lease, work: Work, machines: list[Worker]
) -> None:
    ann, liar, cyd = machines
    granted = lease(ann)
    assert granted
    compute(granted, ann)
    lie(lease(liar), liar)
    compare_answers(str(task.pk))
    assert stands(task).open == 1, "two differ: a third is asked"
    third = lease(cyd)
    assert third
    compute(third, cyd)
    compare_answers(str(task.pk))
    assert (in_a_row(task, ann), in_a_row(task, liar), in_a_row(task, cyd)) == (1, 0, 1)
    assert (stands(task).wrong, stands(task).taken_out) == (1, 0)


def test_an_answer_that_cannot_be_right_is_one_vote_less(
    task: Task, lease: Lease, machines: list[Worker]
) -> None:
    ann, liar, cyd = machines
    granted = lease(ann)
    assert granted
    compute(granted, ann)
    check = lease(liar)
    assert check
    kind = kinds.get("MEAN")
    partial = msgspec.msgpack.encode(kind.run(b"\0" * 8))  # of one number
    leasing.complete(check.lease, worker=liar.pk, subtasks=check.subtasks, partial=partial).now()
    compare_answers(str(task.pk))
    assert Standing.objects.get(owner=liar.owner).disagreements_total == 1
    assert in_a_row(task, ann) == 0, "nobody has confirmed it yet"
    third = lease(cyd)
    assert third
    compute(third, cyd)
    compare_answers(str(task.pk))
    assert (in_a_row(task, ann), in_a_row(task, cyd)) == (1, 1)


def test_a_part_that_cannot_be_right_is_done_anew_before_the_task_ends(
    task: Task, lease: Lease, machines: list[Worker]
) -> None:
    liar, ben, _ = machines
    granted = lease(liar)
    assert granted
    partial = msgspec.msgpack.encode(kinds.get("MEAN").run(b"\0" * 8))
    leasing.complete(
        granted.lease, worker=liar.pk, subtasks=granted.subtasks, partial=partial
    ).now()
    check = lease(ben)
    assert check
    compute(check, ben)
    compare_answers(str(task.pk))
    progress = progress_of(task.group_id, task.pk).now()
    assert progress
    assert (progress.done, progress.redo) == (0, len(granted.subtasks))
    assert in_a_row(task, liar) == 0


def test_where_nobody_else_can_be_asked_the_better_standing_is_believed(
    split: Split, lease: Lease, work: Work, machines: list[Worker], settings: Settings
) -> None:
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    liar, ben, _ = machines
    standing.note_agreement(task.group_id, ben.owner_id, "MEAN", task.kind_version, 5)
    lie(lease(liar), liar)
    work(ben)
    decide_rest(task)
    assert stands(task).undecided == 1
    outcome = outcome_of(task.group_id, task.pk).now()
    assert outcome
    assert outcome.partials[0] == b""
    assert {part.owner for part in outcome.parts[1:]} == {str(ben.owner_id)}
    assert sum(len(part.subtasks) for part in outcome.parts[1:]) == outcome.done == outcome.split
    assert not Standing.objects.filter(disagreements_total__gt=0).exists()


def test_what_takes_too_much_to_compare_is_given_up_alone(
    task: Task, lease: Lease, machines: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben, _ = machines
    for _ in range(2):
        granted = lease(ann)
        assert granted
        compute(granted, ann)
    for _ in range(2):
        check = lease(ben)
        assert check
        compute(check, ben)
    honest = calls.compare

    def heavy(kind: kinds.Kind, cases: list[Any], *given: Any, **options: Any) -> Any:
        if len(cases) > 1 or 0 in cases[0][0][0][1]:
            raise OutOfMemory("too much")
        return honest(kind, cases, *given, **options)

    monkeypatch.setattr(calls, "compare", heavy)
    compare_answers(str(task.pk))
    assert stands(task).open == 0
    assert stands(task).checked > 0


def test_a_kind_that_proves_its_results_is_not_checked(
    split: Split, lease: Lease, machines: list[Worker]
) -> None:
    task = split(count=1, verify="all")
    granted = lease(machines[0])
    assert granted
    compute(granted, machines[0])
    assert stands(task).open == 0


def test_the_sweep_finds_answers_that_nobody_compares(
    task: Task, lease: Lease, machines: list[Worker], jobs_sent: Callable[[], list[str]]
) -> None:
    ann, ben, _ = machines
    for worker in (ann, ben):
        granted = lease(worker)
        assert granted
        compute(granted, worker)
    jobs_sent()
    reconcile()
    assert jobs_sent() == ["tasks.compare"]
    checks.begin_comparing(task.group_id, task.pk, 60)
    compare_answers(str(task.pk))
    assert stands(task).ready == 1, "another job does it"


def test_checks_are_counted_by_what_they_came_to(
    task: Task, lease: Lease, machines: list[Worker], scrape: Callable[[], Any]
) -> None:
    ann, liar, cyd = machines
    first = lease(ann)
    assert first
    assert compute(first, ann).drawn
    check = lease(cyd)
    assert check
    assert not compute(check, cyd).drawn, "checks are not checked"
    second = lease(ann)
    assert second
    compute(second, ann)
    for worker in (liar, cyd):
        check = lease(worker)
        if worker is liar:
            lie(check, worker)
        else:
            assert check
            compute(check, worker)
        compare_answers(str(task.pk))
    lie(lease(liar), liar)
    cancel_task(task)
    found = scrape()

    def settled(outcome: str) -> float:
        return found("firmlight_checks_settled_total", outcome=outcome)

    assert [settled(one) for one in ("agreed", "disagreed", "unanswered")] == [1, 1, 1]
    assert found("firmlight_owners_sanctioned_total") == 1
    assert found("firmlight_parts_taken_out_total") == 0, "nothing of the liar's counted yet"


def test_once_found_wrong_what_an_owner_did_for_other_running_tasks_is_checked(
    split: Split,
    lease: Lease,
    work: Work,
    machines: list[Worker],
    jobs_sent: Callable[[], list[str]],
    settings: Settings,
) -> None:
    settings.LEASE_SUBTASKS_MAX = 3
    liar, ben, cyd = machines
    other = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    unwanted = split(kind="MEAN", numbers=NUMBERS, verify="none")
    standing.note_agreement(other.group_id, liar.owner_id, "MEAN", other.kind_version, 10**9)
    while (granted := lease(liar)) and granted.task != str(unwanted.pk):
        lie(granted, liar)
    assert granted
    lie(granted, liar)
    work(liar)
    assert stands(other).open == 0, "they were trusted"
    task = split(kind="MEAN", numbers=NUMBERS[:4000], verify="all")
    lie(lease(liar), liar)
    for worker in (ben, cyd):
        checking = lease(worker)
        assert checking
        assert checking.task == str(task.pk)
        compute(checking, worker)
        compare_answers(str(task.pk))
    assert in_a_row(task, liar) == 0
    parts = outcome_of(other.group_id, other.pk).now()
    assert parts
    assert stands(other).open == len(parts.partials) > 1
    assert stands(unwanted).open == 0
    (line,) = [event for event in history.events(other) if event["what"] == "rechecked"]
    assert (
        line["text"] == "Others check 16 subtasks that ann / anns did before: its owner was wrong."
    )
    assert "rechecked" not in {event["what"] for event in history.events(unwanted)}
    jobs_sent()
    reconcile()
    assert "tasks.split" in jobs_sent(), "their payloads are made anew"
    for pk in (other.pk, task.pk):
        split_task(str(pk))
    for _ in range(3):
        for worker in (ben, cyd):
            work(worker)
            compare_answers(str(other.pk))
        split_task(str(other.pk))
    assert conclude(other).status == states.SUCCEEDED
    checked = other.checked
    assert checked
    assert checked.taken_out > 0
    assert json.loads(result_of(other))["mean"] == MEAN


def known(
    task: Task, lease: Callable[..., Granted | None], machines: list[Worker], say: Say
) -> Granted:
    """The first two machines agree about subtask 0; the third one gets it as a canary."""
    standing.note_agreement(task.group_id, machines[2].owner_id, "MEAN", task.kind_version, 10**9)
    for worker in machines[:2]:
        say(lease(worker), worker)
    compare_answers(str(task.pk))
    canary = lease(machines[2], canary=True)
    assert canary
    assert canary.subtasks == [0]
    return canary


def test_whoever_answers_a_canary_as_is_known_rises_in_standing(
    split: Split, lease: Callable[..., Granted | None], machines: list[Worker]
) -> None:
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    compute(known(task, lease, machines, compute), machines[2])
    compare_answers(str(task.pk))
    assert in_a_row(task, machines[2]) == 10**9 + 1
    assert (stands(task).checked, stands(task).open) == (1, 0)


@pytest.mark.parametrize("liars", [1, 2])
def test_if_a_canary_is_answered_otherwise_others_decide_who_was_wrong(
    split: Split,
    lease: Callable[..., Granted | None],
    machines: list[Worker],
    make_user: Callable[[str], User],
    liars: int,
) -> None:
    """One who lies about a canary; or two who lied alike before, one of whom it exposes."""
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    for name in ("dee", "eve"):
        user = make_user(name)
        Membership.objects.create(group=task.group, user=user)
        machines.append(Worker.objects.create(owner=user, name=name))
    first, then = (compute, lie) if liars == 1 else (lie, compute)
    then(known(task, lease, machines, first), machines[2])
    compare_answers(str(task.pk))
    assert stands(task).checked == 0
    for worker in machines[3:]:
        compute(lease(worker), worker)
        compare_answers(str(task.pk))
    wrong = machines[2] if liars == 1 else machines[0]
    found = Standing.objects.filter(disagreements_total__gt=0).values_list("owner", flat=True)
    assert list(found) == [wrong.owner_id]
