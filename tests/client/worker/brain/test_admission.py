"""Whether a lease may start here."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from firmlight_client.worker.brain.admission import Admission
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rulebook import Rulebook
from firmlight_client.worker.consent.rules import Consent
from firmlight_client.worker.load_policy import Verdict
from tests.client.worker.brain.test_brain import lease

LEASE = lease()  # of kind K, for group G


def admission(**rules: Any) -> Admission:
    """The group G has these rules; the kind CRAWL needs the network."""
    rulebook = Rulebook(Consent(groups={"Lab": rules}), (), Memory())
    rulebook.learn({"G": "Lab", "H": "Other"})
    found = Admission(rulebook, 2)
    found.kinds, found.public = {"K": "1", "CRAWL": "1"}, ["CRAWL"]
    found.judge()
    return found


@pytest.mark.parametrize(
    ("rules", "kind", "allowed"),
    [
        ({}, "K", True),
        ({}, "UNKNOWN", False),
        ({"kinds": ["CRAWL"]}, "K", False),
        ({"network": "none"}, "CRAWL", False),
        ({"network": "none"}, "K", True),
        ({"subtask_seconds_max": 59.0}, "K", False),
        ({"subtask_seconds_max": 60.0}, "K", True),
    ],
)
def test_the_rules_of_its_group_decide(rules: dict[str, Any], kind: str, allowed: bool) -> None:
    frame = msgspec.structs.replace(LEASE, kind=kind)
    assert admission(**rules).allows(frame, beside=0) is allowed


def test_a_group_gets_no_more_slots_than_its_rules_say() -> None:
    rules = admission(slots=2)
    assert [rules.allows(LEASE, beside=beside) for beside in range(4)] == [True, True, False, False]


def test_one_group_may_rest_while_others_work() -> None:
    rules = admission()
    rules.judge(Verdict(2, {"Lab": "works at 22:00-07:00 only"}))
    assert not rules.allows(LEASE, beside=0)
    assert rules.allows(msgspec.structs.replace(LEASE, group="H"), beside=0)
    assert not rules.is_closed
    rules.judge(Verdict(2, {"Lab": "on battery", "*": "on battery"}))
    assert rules.is_closed


def test_a_drain_allows_nothing_more() -> None:
    rules = admission()
    rules.draining = "asked to stop"
    assert rules.is_closed
    assert not rules.allows(LEASE, beside=0)


def test_the_last_verdict_holds_when_only_the_groups_change() -> None:
    rules = admission()
    rules.judge(Verdict(1, {"Lab": "on battery"}))
    rules.judge()
    assert (rules.verdict.slots, rules.resting) == (1, {"Lab": "on battery"})
