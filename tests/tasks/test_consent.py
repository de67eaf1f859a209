"""What an owner's rules mean for each group."""

from __future__ import annotations

from uuid import uuid4

import pytest

from firmlight_client.protocol import ALL_GROUPS, RULE_FITS_NO_GROUP, Consent
from tasks import consent
from tasks.consent import Agreement

LAB, CLUB = str(uuid4()), str(uuid4())
OWNED = {LAB: "Lab", CLUB: "Club"}
KINDS = ["MEAN@1", "ECHO@1", "CRAWLER@1"]


def test_without_a_rule_everything_is_agreed_to() -> None:
    agreement = Agreement(kinds=KINDS)
    assert agreement.kinds_for(LAB) == KINDS
    assert agreement.slots_for(LAB, 4) == 4
    assert agreement.why_resting(LAB) == ""


def test_a_rule_of_a_group_counts_instead_of_that_of_all_groups() -> None:
    rules = {LAB: Consent(slots=3), ALL_GROUPS: Consent(kinds=["MEAN"], slots=1)}
    agreement = Agreement(rules, KINDS)
    assert (agreement.kinds_for(LAB), agreement.slots_for(LAB, 4)) == (KINDS, 3)
    assert (agreement.kinds_for(CLUB), agreement.slots_for(CLUB, 4)) == (["MEAN@1"], 1)


def test_no_slot_is_no_kind() -> None:
    assert Agreement({LAB: Consent(slots=0)}, KINDS).kinds_for(LAB) == []


def test_a_worker_has_no_more_slots_than_it_has() -> None:
    assert Agreement({LAB: Consent(slots=100)}, KINDS).slots_for(LAB, 4) == 4


def test_without_network_no_kind_that_needs_it_is_agreed_to() -> None:
    agreement = Agreement({ALL_GROUPS: Consent(network="none")}, KINDS)
    assert agreement.kinds_for(LAB) == ["MEAN@1", "ECHO@1"]


def test_a_group_rests_by_its_own_key_or_by_that_of_all() -> None:
    agreement = Agreement({LAB: Consent()}, KINDS, resting={LAB: "at night", ALL_GROUPS: "in use"})
    assert (agreement.why_resting(LAB), agreement.why_resting(CLUB)) == ("at night", "in use")


def test_a_rule_that_fits_no_group_holds_back_the_groups_without_a_rule() -> None:
    agreement = Agreement({LAB: Consent()}, KINDS, has_unfit_rule=True)
    assert agreement.why_resting(LAB) == ""
    assert agreement.why_resting(CLUB) == RULE_FITS_NO_GROUP


def test_rules_are_found_by_name_and_by_id_and_two_for_one_group_mean_nothing() -> None:
    found = consent.by_id({"Lab": Consent(slots=1), "nowhere": Consent(slots=2)}, OWNED)
    assert found == {LAB: Consent(slots=1), "nowhere": Consent(slots=2)}
    twice = consent.by_id({"Lab": Consent(slots=1), LAB: Consent(slots=2)}, OWNED)
    assert twice == {LAB: consent.NOTHING}
    assert consent.unfit([*found, ALL_GROUPS], OWNED) == {"nowhere"}


def test_what_is_stored_comes_back() -> None:
    rules = {LAB: Consent(kinds=["MEAN"], hours=["22-6"], network="none", written="Lab")}
    assert consent.restored(consent.stored(rules)) == rules


def test_what_cannot_be_read_restricts_nothing() -> None:
    assert consent.restored({LAB: {"slots": "many"}}) == {}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Consent(), []),
        (Consent(kinds=[]), ["only nothing"]),
        (Consent(kinds=["MEAN", "ECHO"]), ["only MEAN, ECHO"]),
        (Consent(slots=0), ["at most 0 at a time"]),
        (Consent(subtask_seconds_max=0.5), ["subtasks of at most 0.5 s"]),
        (Consent(hours=["22-6"], network="none"), ["at 22-6", "no network"]),
        (
            Consent(hosts=["a.example"], idle_only=True),
            ["only a.example", "only while nobody uses it"],
        ),
    ],
)
def test_what_is_not_agreed_to_is_said_in_words(rules: Consent, words: list[str]) -> None:
    assert consent.words(rules) == words
