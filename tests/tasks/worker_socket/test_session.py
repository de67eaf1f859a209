"""The rules of a worker's connection: what is accepted when, and what a change leads to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client import kinds, protocol
from firmlight_client.protocol import ALL_GROUPS, Consent
from tasks.queue import connections
from tasks.queue.keys import group_of, new_lease_id, online_seconds
from tasks.services.workers import Duty, Enrolled
from tasks.worker_socket import session as steps
from tasks.worker_socket.session import Session, UnexpectedFrame

LAB, CLUB, OTHER = (str(uuid4()) for _ in range(3))
NAMES = {LAB: "Lab", CLUB: "Club"}
MEAN, ECHO = (f"{name}@{kinds.get(name).version}" for name in ("MEAN", "ECHO"))
HELLO = protocol.Hello(name="w", slots=4, kinds={}, client_version="1")


def enrolled(**changes: Any) -> Enrolled:
    worker = Enrolled(
        id="worker",
        owner="owner",
        name="w",
        slots=4,
        wanted=(),
        duty=Duty(groups=NAMES, suspended="", owned=NAMES),
        consent={},
        unfit=frozenset(),
    )
    return replace(worker, **changes)


def begun(**changes: Any) -> Session:
    """A session whose worker has said hello, in two groups."""
    session = Session()
    session.begin(enrolled(**changes), [MEAN, ECHO])
    return session


def lease_of(group: str) -> str:
    return new_lease_id(group)


# Frames


def test_hello_comes_first() -> None:
    session = Session()
    session.admit(HELLO)
    with pytest.raises(UnexpectedFrame):
        session.admit(protocol.Ready(slots=1))


def test_hello_comes_once() -> None:
    session = begun()
    session.admit(protocol.Ready(slots=1))
    with pytest.raises(UnexpectedFrame):
        session.admit(HELLO)


def test_a_worker_that_was_silent_for_long_is_forgotten_until_it_is_noted_again() -> None:
    session = begun()
    session.noted_at = 1000.0
    limit = online_seconds()
    assert not session.is_forgotten(1000.0 + limit)
    assert session.is_forgotten(1000.1 + limit)
    session.noted_at = 1000.1 + limit
    assert not session.is_forgotten(1000.1 + limit)


def test_before_hello_nobody_is_forgotten() -> None:
    assert not Session().is_forgotten(1e9)


def test_a_connection_is_silent_until_a_frame_comes() -> None:
    session = begun()
    assert session.is_silent(0.0)
    session.heard_at = 5.0
    assert not session.is_silent(5.0 + online_seconds())
    assert session.is_silent(5.1 + online_seconds())


@pytest.mark.parametrize(
    ("said_bye", "close", "how"),
    [
        (True, 1000, connections.RELEASED),
        (True, protocol.CLOSE_RESTARTING, connections.RELEASED),
        (False, protocol.CLOSE_RESTARTING, connections.KEPT),
        (False, 1006, connections.LOST),
        (False, 1001, connections.LOST),
    ],
)
def test_what_becomes_of_the_leases_follows_from_the_end(
    said_bye: bool, close: int, how: str
) -> None:
    session = begun()
    session.said_bye = said_bye
    assert session.how_it_leaves(close) == how


# Leases


@given(st.lists(st.sampled_from([LAB, CLUB, OTHER, "no id", ""])))
def test_each_lease_is_of_one_group_or_foreign(groups: list[str]) -> None:
    session = begun()
    leases = [lease_of(group) for group in groups]
    by_group = session.by_group(leases)
    sorted_in = [lease for mine in by_group.values() for lease in mine]
    assert sorted(sorted_in + session.foreign(leases)) == sorted(leases)
    assert by_group.keys() <= NAMES.keys()
    for group, mine in by_group.items():
        assert all(group_of(lease) == group for lease in mine)


def test_a_heartbeat_names_in_each_group_the_leases_of_that_group() -> None:
    lab, club, foreign = lease_of(LAB), lease_of(CLUB), lease_of(OTHER)
    beats = {beat.group: beat for beat in begun().beats([lab, club, foreign])}
    assert beats.keys() == NAMES.keys()
    assert (beats[LAB].leases, beats[CLUB].leases) == ([lab], [club])
    assert (beats[LAB].kinds, beats[LAB].slots) == ([MEAN, ECHO], 4)


def test_a_suspended_worker_renews_its_leases_but_takes_nothing() -> None:
    session = begun(duty=Duty(groups={LAB: "Lab"}, suspended="It failed.", owned=NAMES))
    lease = lease_of(LAB)
    (beat,) = session.beats([lease])
    assert beat == steps.Beat(group=LAB, kinds=[], slots=0, leases=[lease])


def test_what_the_owner_agreed_to_limits_kinds_and_slots() -> None:
    session = begun(consent={LAB: Consent(kinds=["MEAN"], slots=2), CLUB: Consent(slots=0)})
    beats = {beat.group: beat for beat in session.beats([])}
    assert (beats[LAB].kinds, beats[LAB].slots) == ([MEAN], 2)
    assert (beats[CLUB].kinds, beats[CLUB].slots) == ([], 0)


def test_while_a_rule_fits_no_group_those_without_a_rule_get_nothing() -> None:
    session = begun(consent={LAB: Consent(), "Lob": Consent()}, unfit=frozenset({"Lob"}))
    assert (session.kinds_of(LAB), session.kinds_of(CLUB)) == ([MEAN, ECHO], [])
    resting = {beat.group: beat.resting for beat in session.beats([])}
    assert resting == {LAB: "", CLUB: protocol.RULE_FITS_NO_GROUP}


def test_a_group_that_was_asked_for_and_fits_none_stops_no_other() -> None:
    session = begun(wanted=("Lob",), unfit=frozenset({"Lob"}))
    assert session.kinds_of(CLUB) == [MEAN, ECHO]


# Resting


def rest(session: Session, resting: dict[str, str]) -> list[steps.Step]:
    session.rest(resting)
    return list(session.after_rest())


def test_a_worker_that_rests_leaves_the_group_and_says_why() -> None:
    session = begun(consent={LAB: Consent()})
    assert rest(session, {"Lab": "on battery"}) == [
        steps.ShowResting(LAB, "on battery"),
        steps.LeaveGroup(LAB),
        steps.AnnounceGroup(LAB),
        steps.NotePresence(),
    ]
    assert (session.kinds_of(LAB), session.kinds_of(CLUB)) == ([], [MEAN, ECHO])


def test_another_reason_is_shown_and_the_same_one_is_not_repeated() -> None:
    session = begun()
    rest(session, {ALL_GROUPS: "on battery"})
    again = rest(session, {ALL_GROUPS: "on battery"})
    assert again == []
    other = rest(session, {ALL_GROUPS: "in use"})
    assert other == [
        steps.ShowResting(LAB, "in use"),
        steps.AnnounceGroup(LAB),
        steps.ShowResting(CLUB, "in use"),
        steps.AnnounceGroup(CLUB),
        steps.NotePresence(),
    ]


def test_a_worker_that_rests_no_longer_takes_work_again() -> None:
    session = begun()
    rest(session, {ALL_GROUPS: "on battery"})
    woken = rest(session, {})
    assert steps.ShowResting(LAB, "") in woken
    assert not any(isinstance(step, steps.LeaveGroup) for step in woken)
    assert session.kinds_of(LAB) == [MEAN, ECHO]


def test_what_changes_before_it_is_told_is_told_once() -> None:
    session = begun()
    session.rest({ALL_GROUPS: "on battery"})
    assert session.kinds_of(LAB) == []  # at once
    session.rest({})
    assert list(session.after_rest()) == []


# Checks


def duty(groups: dict[str, str] | None = None, suspended: str = "") -> Duty:
    return Duty(groups=NAMES if groups is None else groups, suspended=suspended, owned=NAMES)


def test_a_token_that_is_no_longer_valid_ends_the_connection() -> None:
    (close,) = begun().after_check(None)
    assert isinstance(close, steps.Close)
    assert (close.close, close.code) == (protocol.CLOSE_BAD_TOKEN, "bad_token")


def test_if_nothing_has_changed_free_slots_are_leased_to() -> None:
    assert list(begun().after_check(duty())) == [steps.LeaseMore()]


def test_a_group_is_served_until_it_is_dropped() -> None:
    session = begun()
    taken = session.after_check(duty({CLUB: "Club"}))
    assert next(taken) == steps.DropGroup(LAB)
    assert session.groups == NAMES, "what it holds of it is still to be found and given back"
    assert list(taken) == [steps.LeaseMore()]
    assert session.groups == {CLUB: "Club"}
    assert session.foreign([lease_of(LAB)])


def test_a_new_group_is_served() -> None:
    session = begun(duty=duty({LAB: "Lab"}))
    list(session.after_check(duty()))
    assert session.groups == NAMES


def test_a_suspension_is_said_once_and_all_groups_are_left() -> None:
    session = begun()
    said = protocol.Error(code="suspended", message="It failed.")
    assert list(session.after_check(duty(suspended="It failed."))) == [
        steps.LeaveGroup(LAB),
        steps.LeaveGroup(CLUB),
        steps.Send(said),
        steps.LeaseMore(),
    ]
    assert list(session.after_check(duty(suspended="It failed."))) == [steps.LeaseMore()]


def test_a_worker_that_is_let_back_is_noted_as_here_before_it_is_leased_to() -> None:
    session = begun(duty=duty(suspended="It failed."))
    assert list(session.after_check(duty())) == [steps.NotePresence(), steps.LeaseMore()]
    assert not session.suspended


def test_a_rule_that_fits_a_group_now_wants_a_new_hello() -> None:
    session = begun(consent={OTHER: Consent()}, unfit=frozenset({OTHER}))
    joined = {**NAMES, OTHER: "Other"}
    *shown, close = session.after_check(Duty(groups=joined, suspended="", owned=joined))
    assert shown == [steps.ShowResting(group, "") for group in joined]
    assert isinstance(close, steps.Close)
    assert (close.close, close.code) == (protocol.CLOSE_RESTARTING, "groups_changed")


def test_a_rule_whose_group_is_gone_wants_a_new_hello() -> None:
    session = begun(consent={LAB: Consent()})
    left = {CLUB: "Club"}
    first, *_, close = session.after_check(Duty(groups=left, suspended="", owned=left))
    assert first == steps.DropGroup(LAB)
    assert isinstance(close, steps.Close)


def test_a_hello_of_a_suspended_worker_is_answered_with_the_reason() -> None:
    (said,) = begun(duty=duty(suspended="It failed.")).suspension()
    assert said.frame == protocol.Error(code="suspended", message="It failed.")
    assert list(begun().suspension()) == []
