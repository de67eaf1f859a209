"""What is kept of who was confirmed and who was wrong, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import AuditEntry, Notification, User
from core.errors import Conflict
from groups import services as groups
from groups.models import Group, Membership
from tasks.models import Standing, Task, Worker
from tasks.selectors import trust
from tasks.services import standing
from tests.support.racing import race

MEAN = ("MEAN", "1")


def of(group: Group, user: User) -> Standing:
    return Standing.objects.get(group=group, owner=user, kind="MEAN", version="1")


def be_wrong(group: Group, user: User, **about: Any) -> None:
    words = {"expected": "count 40,000", "came": "count 32"}
    standing.note_disagreement(group.pk, user.pk, *MEAN, **{**words, **about})


def told(user: User) -> list[tuple[str, str, str]]:
    rows = Notification.objects.filter(user=user).order_by("created")
    return list(rows.values_list("code", "level", "text"))


def test_agreements_count_in_a_row_and_in_all(group: Group, bob: User) -> None:
    assert standing.note_agreement(group.pk, bob.pk, *MEAN) == 1
    assert standing.note_agreement(group.pk, bob.pk, *MEAN, n=11) == 12
    row = of(group, bob)
    assert (row.agreements, row.agreements_total, row.disagreements_total) == (12, 12, 0)
    assert row.is_trusted
    assert row.checked_share == 1 / 13


def test_one_disagreement_undoes_them(group: Group, bob: User) -> None:
    standing.note_agreement(group.pk, bob.pk, *MEAN, n=500)
    be_wrong(group, bob)
    row = of(group, bob)
    assert (row.agreements, row.agreements_total, row.disagreements_total) == (0, 500, 1)
    assert row.last_disagreement is not None
    assert not row.is_trusted
    assert row.checked_share == 1
    assert standing.note_agreement(group.pk, bob.pk, *MEAN) == 1


def test_each_group_kind_and_version_has_a_standing_of_its_own(
    group: Group, alice: User, bob: User
) -> None:
    """Otherwise it could be earned in a group of one's own, or with something easy."""
    own = groups.create_group(owner=bob, name="Bob alone")
    standing.note_agreement(own.pk, bob.pk, *MEAN, n=99)
    standing.note_agreement(group.pk, bob.pk, "ECHO", "1", n=99)
    standing.note_agreement(group.pk, bob.pk, "MEAN", "2", n=99)
    standing.note_agreement(group.pk, alice.pk, *MEAN, n=7)
    known = trust.agreements(group.pk, *MEAN, [alice.pk, str(bob.pk)])
    assert known == {str(alice.pk): 7, str(bob.pk): 0}
    be_wrong(group, bob)
    assert trust.agreements(own.pk, *MEAN, [bob.pk]) == {str(bob.pk): 99}


def test_simultaneous_moves_all_count(transactional_db: None, group: Group, bob: User) -> None:
    """The first of them make the row."""
    race(*[lambda: standing.note_agreement(group.pk, bob.pk, *MEAN) for _ in range(8)])
    assert (of(group, bob).agreements, of(group, bob).agreements_total) == (8, 8)
    race(*[lambda: be_wrong(group, bob) for _ in range(4)])
    row = of(group, bob)
    assert (row.agreements, row.agreements_total, row.disagreements_total) == (0, 8, 4)
    assert AuditEntry.objects.filter(action="standing_lost").count() == 1
    assert len(told(bob)) == 1


def test_the_owner_is_told_what_to_do_and_the_leaders_what_came(
    group: Group, alice: User, bob: User, laptop: Worker, submit: Callable[..., Task]
) -> None:
    tower = Worker.objects.create(owner=bob, name="tower")
    task = submit()
    be_wrong(group, bob, worker=tower, task=task)
    difference = "Expected count 40,000, got count 32."
    assert told(bob) == [
        (
            "wrong_result",
            "error",
            "Your worker tower computed a wrong MEAN result in Lab Seven: "
            f"run `firmlight doctor --compute` on it. {difference}",
        )
    ]
    assert told(alice) == [
        (
            "wrong_result_of_member",
            "warning",
            "bob / tower computed a wrong MEAN result in Lab Seven. It was computed again. "
            f"{difference}",
        )
    ]
    note = Notification.objects.get(user=bob)
    assert (note.group_id, note.task_id) == (group.pk, task.pk)


def test_a_leader_who_was_wrong_is_told_once_as_the_owner(group: Group, alice: User) -> None:
    be_wrong(group, alice)
    assert [code for code, _, _ in told(alice)] == ["wrong_result"]


def test_the_audit_log_says_what_was_expected_and_what_came(
    group: Group, bob: User, submit: Callable[..., Task]
) -> None:
    task, tower = submit(), Worker.objects.create(owner=bob, name="tower")
    be_wrong(group, bob, worker=tower, task=task)
    entry = AuditEntry.objects.get(action="standing_lost")
    assert entry.actor_id is None
    assert (entry.target_type, entry.target_id) == ("standing", str(of(group, bob).pk))
    assert entry.target_label == "bob in Lab Seven: MEAN 1"
    assert entry.details == {
        "group": str(group.pk),
        "group_name": "Lab Seven",
        "member": str(bob.pk),
        "kind": "MEAN",
        "version": "1",
        "expected": "count 40,000",
        "came": "count 32",
        "task": str(task.pk),
        "worker": str(tower.pk),
    }


def test_what_a_liar_sent_is_cut_and_made_visible(group: Group, alice: User, bob: User) -> None:
    be_wrong(group, bob, came="\x1b[2Jtitle\u202e" + "x" * 10_000)
    ((_, _, text),) = told(alice)
    assert text.isprintable()
    assert len(text) < 300
    assert text.endswith("….")
    assert len(AuditEntry.objects.get(action="standing_lost").details["came"]) == 500


def test_a_machine_that_is_always_wrong_is_announced_once_in_a_while(
    group: Group, alice: User, bob: User
) -> None:
    for number in range(5):
        be_wrong(group, bob, came=f"count {number}")
        standing.note_agreement(group.pk, bob.pk, *MEAN)
    assert len(told(bob)) == len(told(alice)) == 1
    assert of(group, bob).disagreements_total == 5
    Standing.objects.update(noticed=timezone.now() - timedelta(hours=2))
    be_wrong(group, bob)
    assert len(told(bob)) == len(told(alice)) == 2
    assert AuditEntry.objects.filter(action="standing_lost").count() == 2


def test_a_removed_member_who_comes_back_keeps_their_standing(
    group: Group, alice: User, bob: User
) -> None:
    standing.note_agreement(group.pk, bob.pk, *MEAN, n=3)
    groups.remove_member(remover=alice, group_id=group.pk, user_id=bob.pk)
    be_wrong(group, bob)  # of what they had sent before
    Membership.objects.create(group=group, user=bob)
    row = of(group, bob)
    assert (row.agreements, row.agreements_total, row.disagreements_total) == (0, 3, 1)


def test_it_goes_with_the_account_and_with_the_group(group: Group, alice: User, bob: User) -> None:
    for user in (alice, bob):
        standing.note_agreement(group.pk, user.pk, *MEAN)
    accounts.remove_user(bob)
    assert [row.owner for row in Standing.objects.all()] == [alice]
    groups.delete_group(user=alice, group_id=group.pk)
    assert not Standing.objects.exists()


def test_nothing_is_kept_of_who_is_gone(transactional_db: None, group: Group, bob: User) -> None:
    """A verdict may come after the account or the group was deleted."""
    assert standing.note_agreement(group.pk, uuid4(), *MEAN) == 0
    assert standing.note_agreement(uuid4(), bob.pk, *MEAN) == 0
    standing.note_disagreement(group.pk, uuid4(), *MEAN, expected="1", came="2")
    assert not Standing.objects.exists()
    assert not AuditEntry.objects.filter(action="standing_lost").exists()


def test_a_moderator_restores_it(group: Group, alice: User, bob: User) -> None:
    be_wrong(group, bob)
    standing.restore(of(group, bob), by=alice, reason="The memory is replaced.")
    row = of(group, bob)
    assert (row.agreements, row.disagreements_total, row.is_trusted) == (10, 1, True)
    entry = AuditEntry.objects.get(action="standing_restored")
    assert (entry.actor_name, entry.target_label) == ("alice", "bob in Lab Seven: MEAN 1")
    assert entry.details["reason"] == "The memory is replaced."
    assert told(bob)[-1] == (
        "standing_restored",
        "info",
        "A moderator has restored your standing for MEAN in the group Lab Seven: only some of "
        "your results are checked. Reason: The memory is replaced.",
    )


def test_standing_that_is_good_is_not_restored(group: Group, alice: User, bob: User) -> None:
    standing.note_agreement(group.pk, bob.pk, *MEAN, n=50)
    with pytest.raises(Conflict, match="trusted already"):
        standing.restore(of(group, bob), by=alice)
    assert of(group, bob).agreements == 50
    assert not AuditEntry.objects.filter(action="standing_restored").exists()
