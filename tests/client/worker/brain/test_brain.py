"""What the brain does about single events; `test_brain_machine` is about all orders of them."""

from __future__ import annotations

import random

import msgspec
import pytest

from firmlight_client import protocol
from firmlight_client.backoff import CAP_SECONDS, TOO_MANY_SECONDS_MIN, wait_seconds
from firmlight_client.worker.brain.actions import (
    Action,
    Forget,
    QuitSlot,
    Reconnect,
    Remember,
    Report,
    RunSlot,
    Send,
    Stop,
)
from firmlight_client.worker.brain.brain import Brain, Config
from firmlight_client.worker.consent.rules import Consent
from firmlight_client.worker.load_policy import Verdict
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.events import Broken, Death
from firmlight_client.worker.slot.slot_options import SlotOptions


def welcome(leases: list[str], **more: object) -> protocol.Welcome:
    plain = {
        "worker": "w",
        "name": "w",
        "heartbeat_seconds": 5.0,
        "lease_seconds": 20.0,
        "server_version": "0",
    }
    return protocol.Welcome(
        **plain,
        frame_max_bytes=protocol.FRAME_MAX_BYTES,
        partial_bytes_max=2**20,
        leases=leases,
        **more,
    )  # type: ignore[arg-type]


def lease(name: str = "L1", subtasks: int = 3) -> protocol.Lease:
    return protocol.Lease(
        lease=name,
        task="T",
        group="G",
        kind="K",
        subtasks=[10 + i for i in range(subtasks)],
        payloads=[msgspec.msgpack.encode(i) for i in range(subtasks)],
        subtask_seconds_max=60,
    )


def sent(actions: list[Action]) -> list[protocol.Frame]:
    return [action.frame for action in actions if isinstance(action, Send)]


def run_of(actions: list[Action]) -> wire.Run:
    (run,) = [action.run for action in actions if isinstance(action, RunSlot)]
    return run


@pytest.fixture
def brain() -> Brain:
    """One slot, started; welcomed."""
    brain = Brain(Config("w", 1, [], "0", ""), random.Random(0))
    brain.heard(0, wire.Started({"K": "1"}))
    (hello,) = sent(brain.connected())
    assert isinstance(hello, protocol.Hello)
    assert hello.kinds == {"K": "1"}
    assert sent(brain.received(welcome([]), 0.0)) == [protocol.Ready(slots=1, received=0)]
    return brain


def test_credit_is_sent_once_and_then_with_each_result(brain: Brain) -> None:
    run = run_of(brain.received(lease(), 0.0))
    assert brain.credit.free == 0
    brain.heard(0, wire.Batch(run.job, 0, [b"a", b"b", b"c"], [1.0, 2.0, 3.0]))
    (result,) = sent(brain.heard(0, wire.Finished(run.job, b"abc", False)))
    assert result == protocol.Result(
        lease="L1", subtasks=[10, 11, 12], partial=b"abc", seconds=6.0, ready=1, received=1
    )
    assert sent(brain.received(protocol.Accepted(lease="L1", subtasks=[10, 11, 12]), 0.0)) == []
    assert brain.answers.counts.done == 3


def test_heartbeats_come_when_they_are_due(brain: Brain) -> None:
    brain.received(lease(), 0.0)
    assert sent(brain.tick(4.9)) == []
    assert sent(brain.tick(5.0)) == [protocol.Heartbeat(leases=["L1"], received=1)]
    assert sent(brain.tick(9.9)) == []
    assert brain.connection.next_beat == 10.0


def test_after_a_crash_the_rest_goes_on_with_what_was_done_before(brain: Brain) -> None:
    run = run_of(brain.received(lease(), 0.0))
    brain.heard(0, wire.Batch(run.job, 0, [b"a"], [1.0]))
    (failure,) = sent(brain.heard(0, Death("crashed", "killed by signal 11", "", 1, 0.5)))
    assert isinstance(failure, protocol.Failure)
    assert (failure.subtask, failure.error, failure.ready) == (11, "crashed", 0)
    again = run_of(brain.heard(0, wire.Started({"K": "1"})))
    assert (again.payloads, again.before) == ([msgspec.msgpack.encode(2)], [b"a"])


def test_a_lease_that_only_kills_its_slot_is_given_back_in_the_end(brain: Brain) -> None:
    brain.received(lease(), 0.0)
    for _ in range(2):
        assert sent(brain.heard(0, Death("crashed", "", "", wire.IDLE, 0.0))) == []
        brain.heard(0, wire.Started({"K": "1"}))
    assert sent(brain.heard(0, Death("crashed", "", "", wire.IDLE, 0.0))) == [
        protocol.Release(lease="L1", subtasks=[10, 11, 12])
    ]


def test_what_a_decided_run_left_is_given_back(brain: Brain) -> None:
    run = run_of(brain.received(lease(), 0.0))
    brain.heard(0, wire.Batch(run.job, 0, [b"a"], [1.0]))
    result, release = sent(brain.heard(0, wire.Finished(run.job, b"a", True)))
    assert isinstance(result, protocol.Result)
    assert result.decided
    assert release == protocol.Release(lease="L1", subtasks=[11, 12])


def test_a_kind_that_is_not_here_is_given_back(brain: Brain) -> None:
    foreign = msgspec.structs.replace(lease(), kind="ELSE")
    assert sent(brain.received(foreign, 0.0)) == [
        protocol.Release(lease="L1", subtasks=[10, 11, 12]),
        protocol.Ready(slots=1, received=1),
    ]


def test_a_release_that_named_too_much_is_repeated_for_what_may_be_given_back(
    brain: Brain,
) -> None:
    foreign = msgspec.structs.replace(lease(), kind="ELSE")
    brain.received(foreign, 0.0)
    refused = protocol.Refused(lease="L1", reason="not_in_lease", open=[10, 12])
    assert sent(brain.received(refused, 0.0)) == [
        protocol.Release(lease="L1", subtasks=[10, 12]),
    ]
    again = protocol.Refused(lease="L1", reason="not_in_lease", open=[10, 12])
    assert sent(brain.received(again, 0.0)) == [], "not for ever"
    assert brain.book.held == {}


def test_an_echo_that_nobody_asked_for_changes_nothing(brain: Brain) -> None:
    assert brain.received(protocol.Echo(echo="x"), 0.0) == []


def test_a_cancelled_job_is_quit_and_its_late_reports_are_ignored(brain: Brain) -> None:
    run = run_of(brain.received(lease(), 0.0))
    actions = brain.received(protocol.Cancel(leases=["L1"], reason="decided"), 0.0)
    assert QuitSlot(0, run.job) in actions
    assert sent(brain.heard(0, wire.Batch(run.job, 0, [b"a"], [1.0]))) == []
    assert sent(brain.heard(0, wire.Finished(run.job, None, False))) == [
        protocol.Ready(slots=1, received=1)
    ]


def test_fatal_closes_stop_with_what_the_server_said(brain: Brain) -> None:
    brain.received(protocol.Error(code="bad_token", message="This token is no longer valid."), 0.0)
    assert brain.disconnected(protocol.CLOSE_BAD_TOKEN, "")[-1] == Stop(
        3, "This token is no longer valid."
    )
    assert brain.connected() == []


def test_other_closes_are_tried_again_ever_more_slowly_until_one_holds(brain: Brain) -> None:
    waits = []
    for _ in range(12):
        waits += [
            action.seconds
            for action in brain.disconnected(1006, "")
            if isinstance(action, Reconnect)
        ]
    assert 0.05 <= waits[0] <= 0.3
    assert max(waits) > 5
    brain.connected()
    brain.received(welcome([]), 0.0)
    brain.tick(5.0)
    (fast,) = [
        action.seconds for action in brain.disconnected(1012, "") if isinstance(action, Reconnect)
    ]
    assert fast <= 0.3


def test_a_worker_that_connected_too_often_waits_long_and_not_as_long_as_others(
    brain: Brain,
) -> None:
    brain.received(protocol.Error(code="too_many_connections", message="Come back later."), 0.0)
    report, back = brain.disconnected(protocol.CLOSE_TOO_MANY, "")
    assert isinstance(report, Report)
    assert report.facts["why"] == "Come back later."
    waits = [back, *(brain.disconnected(protocol.CLOSE_TOO_MANY, "")[-1] for _ in range(50))]
    seconds = [wait.seconds for wait in waits if isinstance(wait, Reconnect)]
    assert all(TOO_MANY_SECONDS_MIN <= each <= 2 * TOO_MANY_SECONDS_MIN for each in seconds)
    assert len(set(seconds)) == 51


def suspension(message: str = "It failed on tasks of three people.") -> protocol.Error:
    return protocol.Error(code="suspended", message=message)


def test_a_suspended_worker_stays_and_reports_it_once_a_connection(brain: Brain) -> None:
    report = Report(
        "error", {"code": "suspended", "message": "It failed on tasks of three people."}
    )
    assert brain.received(suspension(), 0.0) == [report]
    assert brain.received(suspension(), 0.0) == []
    assert sent(brain.tick(5.0)) == [protocol.Heartbeat(leases=[], received=0)]
    gone, _ = brain.disconnected(1006, "no answer")
    assert isinstance(gone, Report)
    assert gone.facts["why"] == "no answer"  # a suspension is no reason for that
    brain.connected()
    brain.received(welcome([]), 6.0)
    assert brain.received(suspension(), 6.0) == [report]


def test_a_lease_is_the_end_of_a_suspension(brain: Brain) -> None:
    brain.received(suspension(), 0.0)
    assert Report("let_back", {}) in brain.received(lease(), 0.0)
    assert Report("let_back", {}) not in brain.received(lease("L2"), 0.0)


def test_what_an_earlier_connection_ended_with_explains_no_later_one(brain: Brain) -> None:
    brain.received(protocol.Error(code="too_many_connections", message="Come back later."), 0.0)
    brain.disconnected(protocol.CLOSE_TOO_MANY, "")
    report, _ = brain.disconnected(1006, "it cannot be reached")
    assert isinstance(report, Report)
    assert report.facts["why"] == "it cannot be reached"


def test_no_wait_is_longer_than_the_cap() -> None:
    chance = random.Random(1)
    assert all(0 <= wait_seconds(attempt, chance) <= CAP_SECONDS for attempt in range(2000))


def test_slots_that_cannot_start_end_the_worker(brain: Brain) -> None:
    assert Stop(1, "Slots cannot be started here: no space") in brain.heard(0, Broken("no space"))


@pytest.mark.parametrize("reason", ["bad_partial", "kind_changed"])
def test_a_result_that_the_server_cannot_take_is_never_sent_again(
    brain: Brain, reason: str
) -> None:
    run = run_of(brain.received(lease(), 0.0))
    brain.heard(0, wire.Batch(run.job, 0, [b"a", b"b", b"c"], [1.0, 2.0, 3.0]))
    (result,) = sent(brain.heard(0, wire.Finished(run.job, b"abc", False)))
    assert isinstance(result, protocol.Result)
    actions = brain.received(
        protocol.Refused(lease="L1", reason=reason, message="Expected `int`"), 0.0
    )
    assert Forget(result) in actions  # the spool has it no longer
    dropped = {
        "lease": "L1",
        "task": "T",
        "kind": "K",
        "reason": reason,
        "message": "Expected `int`",
    }
    assert Report("dropped", dropped) in actions
    assert sent(actions) == []
    brain.disconnected(1006, "")
    assert sent(brain.connected())[0].leases == []  # type: ignore[attr-defined]  # it is a hello
    assert sent(brain.received(welcome([]), 1.0)) == [protocol.Ready(slots=1, received=0)]


def test_a_refused_kind_is_reported(brain: Brain) -> None:
    actions = brain.received(welcome([], refused_kinds={"K": "2"}), 0.0)
    assert Report("kind_refused", {"kind": "K", "here": "1", "server": "2"}) in actions


GROUP = {
    "hours": ["22:00-06:00"],
    "kinds": ["K"],
    "slots": 1,
    "subtask_seconds_max": 60,
    "network": "none",
}


def consenting(**rules: object) -> Brain:
    """One slot, welcomed; the group "Lab" has these rules."""
    brain = Brain(Config("w", 1, [], "0", "", Consent(groups={"Lab": rules})), random.Random(0))
    brain.heard(0, wire.Started({"K": "1", "CRAWL": "1"}, public=["CRAWL"]))
    (hello,) = sent(brain.connected())
    assert isinstance(hello, protocol.Hello)
    assert hello.consent.keys() == {protocol.ALL_GROUPS, "Lab"}
    brain.received(welcome([], owner_groups={"G": "lab", "H": "Other"}), 0.0)
    return brain


@pytest.mark.parametrize(
    ("rules", "kind", "taken"),
    [
        (GROUP, "K", True),
        ({"kinds": ["CRAWL"]}, "K", False),
        ({"kinds": []}, "K", False),
        ({"network": "none"}, "CRAWL", False),
        ({"network": "public"}, "CRAWL", True),
        ({"subtask_seconds_max": 59.0}, "K", False),
        ({"slots": 0}, "K", False),
    ],
)
@pytest.mark.parametrize("group", ["G", "H"])
def test_what_the_owner_has_not_agreed_to_is_given_back(
    rules: dict[str, object], kind: str, taken: bool, group: str
) -> None:
    brain = consenting(**rules)
    frame = msgspec.structs.replace(lease(), kind=kind, group=group)
    actions = brain.received(frame, 0.0)
    assert any(isinstance(action, RunSlot) for action in actions) is (taken or group == "H")
    assert any(isinstance(frame, protocol.Release) for frame in sent(actions)) is not (
        taken or group == "H"
    )


def test_a_slot_is_started_as_the_group_wants_it() -> None:
    brain = consenting(memory_mib=512, nice=19, hosts=["example.org"])
    (run,) = [
        action
        for action in brain.received(msgspec.structs.replace(lease(), kind="CRAWL", group="G"), 0.0)
        if isinstance(action, RunSlot)
    ]
    assert run.options == SlotOptions(512, 19, True, ("example.org",))


def test_a_worker_that_rests_finishes_and_asks_for_nothing_until_it_works_again(
    brain: Brain,
) -> None:
    run = run_of(brain.received(lease(), 0.0))
    rests = Verdict(1, {"*": "on battery"})
    assert sent(brain.rest(rests)) == [
        protocol.Ready(slots=0, received=1, resting={"*": "on battery"})
    ]
    assert sent(brain.rest(rests)) == []
    brain.heard(0, wire.Batch(run.job, 0, [b"a", b"b", b"c"], [1.0, 2.0, 3.0]))
    (result,) = sent(brain.heard(0, wire.Finished(run.job, b"abc", False)))
    assert isinstance(result, protocol.Result)
    assert result.ready == 0
    crossed = sent(brain.received(lease("L2"), 0.0))
    assert crossed == [protocol.Release(lease="L2", subtasks=[10, 11, 12])]
    assert sent(brain.rest(Verdict(1, {}))) == [protocol.Ready(slots=1, received=2, resting={})]


def test_why_it_rests_is_sent_again_on_a_new_connection(brain: Brain) -> None:
    brain.rest(Verdict(1, {"*": "on battery"}))
    brain.disconnected(1006, "")
    brain.connected()
    assert sent(brain.received(welcome([]), 0.0)) == [
        protocol.Ready(slots=0, received=0, resting={"*": "on battery"})
    ]


def test_with_fewer_slots_allowed_what_runs_goes_on() -> None:
    brain = Brain(Config("w", 2, [], "0", ""), random.Random(0))
    for slot in range(2):
        brain.heard(slot, wire.Started({"K": "1"}))
    brain.connected()
    brain.received(welcome([]), 0.0)
    brain.received(lease("L1"), 0.0)
    brain.received(lease("L2"), 0.0)
    assert brain.credit.free == 0
    actions = brain.rest(Verdict(1, {}, "other programs need the processors (1.4 of 2)"))
    assert [action.event for action in actions if isinstance(action, Report)] == ["resting"]
    brain.received(protocol.Cancel(leases=["L1"], reason="decided"), 0.0)
    brain.heard(0, wire.Started({"K": "1"}))
    assert brain.credit.free == 0
    assert sent(brain.rest(Verdict(2, {}))) == [protocol.Ready(slots=1, received=2)]


def test_a_rule_follows_its_group_through_a_rename_and_what_is_known_is_remembered() -> None:
    brain = consenting(kinds=[])
    actions = brain.received(welcome([], owner_groups={"G": "Renamed", "H": "Lab"}), 1.0)
    assert Remember({"G": "Renamed", "H": "Lab"}, {}) in actions
    forbidden = brain.received(lease(), 1.0)
    assert protocol.Release(lease="L1", subtasks=[10, 11, 12]) in sent(forbidden)
    assert not any(isinstance(action, RunSlot) for action in forbidden)
    run_of(brain.received(msgspec.structs.replace(lease("L2"), group="H", group_name="Lab"), 1.0))
    brain.disconnected(1006, "")
    (hello,) = sent(brain.connected())
    assert isinstance(hello, protocol.Hello)
    assert hello.consent.keys() == {protocol.ALL_GROUPS, "G"}


def test_while_a_rule_fits_no_group_nothing_is_taken_for_the_others_and_that_is_said_once() -> None:
    brain = consenting()
    actions = brain.received(welcome([], owner_groups={"H": "Other"}), 1.0)
    (said,) = [
        action for action in actions if isinstance(action, Report) and action.event == "rules"
    ]
    assert said.facts["unfit"] == ["Lab"]
    (ready,) = [frame for frame in sent(actions) if isinstance(frame, protocol.Ready)]
    assert ready.resting == {protocol.ALL_GROUPS: protocol.RULE_FITS_NO_GROUP}
    assert ready.slots == 0
    other = msgspec.structs.replace(lease(), group="H")
    assert sent(brain.received(other, 1.0)) == [protocol.Release(lease="L1", subtasks=[10, 11, 12])]
    again = brain.received(welcome([], owner_groups={"H": "Other"}), 2.0)
    assert not [
        action for action in again if isinstance(action, Report) and action.event == "rules"
    ]
    back = brain.received(welcome([], owner_groups={"G": "Lab", "H": "Other"}), 3.0)
    assert Report("rules", {"unfit": [], "problems": []}) in back
    assert any(
        isinstance(action, RunSlot)
        for action in brain.received(msgspec.structs.replace(other, lease="L2"), 3.0)
    )
