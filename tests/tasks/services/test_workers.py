"""Enrolling workers: which names are the same, what a block reaches, which clients are too old."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from accounts.models import User
from firmlight_client import protocol
from tasks.models import Worker
from tasks.services import moderation, workers


def enrol(user: User, name: str) -> workers.Enrolled:
    return workers.enrol(user, protocol.Hello(name=name, slots=1, kinds={}, client_version="1"))


@pytest.mark.parametrize(
    "name",
    [
        *("tower ", " tower", "Tower", "ｔower", "to\u200bwer"),
        *("tower\ufe0f", "t\ufe0eower", "tower\u2800", "tower\u3164", "to\u034fwer"),
    ],
)
def test_a_blocked_worker_does_not_come_back_under_a_name_that_looks_the_same(
    alice: User, name: str
) -> None:
    first = enrol(alice, "tower")
    moderation.block_worker(Worker.objects.get(pk=first.id), "It floods the group.")
    again = enrol(alice, name)
    assert again.id == first.id
    assert again.duty.suspended.startswith("A moderator has blocked it.")
    assert Worker.objects.get(owner=alice).name == "tower"


def test_a_block_reaches_workers_of_such_names_that_were_there_before(alice: User) -> None:
    Worker.objects.create(owner=alice, name="Tower")
    tower = Worker.objects.create(owner=alice, name="tower")
    other = Worker.objects.create(owner=alice, name="laptop")
    moderation.block_worker(tower)
    assert enrol(alice, "Tower").duty.suspended
    assert not enrol(alice, "laptop").duty.suspended
    assert not Worker.objects.get(pk=other.pk).blocked


def test_a_second_row_of_such_a_name_does_not_pass_the_block(alice: User) -> None:
    """It was made when the two names were not the same yet."""
    tower = Worker.objects.create(owner=alice, name="tower", blocked=True, suspended_reason="No.")
    Worker.objects.create(owner=alice, name="tower\ufe0f")
    assert enrol(alice, "tower\ufe0f").id == str(tower.pk)


def test_the_same_name_of_another_member_is_another_worker(alice: User, bob: User) -> None:
    tower = enrol(alice, "tower")
    moderation.block_worker(Worker.objects.get(pk=tower.id))
    assert not enrol(bob, "tower").duty.suspended


def test_a_new_name_helps_once_but_not_when_two_are_blocked(alice: User) -> None:
    for name in ("one", "two"):
        enrolled = enrol(alice, name)
        assert not enrolled.duty.suspended
        moderation.block_worker(Worker.objects.get(pk=enrolled.id))
    assert enrol(alice, "three").duty.suspended
    third = Worker.objects.get(owner=alice, name="three")
    assert third.blocked, "its owner cannot let it back"
    moderation.unblock_worker(third)
    assert not enrol(alice, "three").duty.suspended


def test_a_name_is_kept_without_blanks_that_nobody_sees(alice: User) -> None:
    assert enrol(alice, "  my   tower ").name == "my tower"
    assert enrol(alice, "my tower").name == "my tower"
    assert Worker.objects.filter(owner=alice).count() == 1


@pytest.mark.parametrize(
    "version",
    ["0.1.0", "0.1", "0.1.0.0", "0.1.1", "0.10", "1", "0.1.0+rust", "0.1.0-rust-worker", "v0.1.0"],
)
def test_this_client_is_not_too_old(settings: Settings, version: str) -> None:
    settings.CLIENT_VERSION_MIN = "0.1.0"
    assert workers.update_of(version) == ""


@pytest.mark.parametrize(
    "version", ["0.0.9", "0", "0.1.0.dev3", "0.1.0rc1", "0.0.9-rust-worker", "", "rust", "0..1"]
)
def test_this_client_is_too_old(settings: Settings, version: str) -> None:
    settings.CLIENT_VERSION_MIN = "0.1.0"
    assert workers.update_of(version).startswith(f"This client is {version}; the server needs")


def test_a_version_that_is_shorter_is_not_older(settings: Settings) -> None:
    settings.CLIENT_VERSION_MIN = "0.2"
    assert workers.update_of("0.2.0") == ""
    settings.CLIENT_VERSION_MIN = "0.2.0"
    assert workers.update_of("0.2") == ""


def test_where_none_is_needed_a_worker_may_say_anything(settings: Settings) -> None:
    settings.CLIENT_VERSION_MIN = "0.dev0"
    assert workers.update_of("rust") == ""
