"""What is said about how a result was checked."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups import states
from tasks import verification
from tasks.verification import Verification, from_plain, raised

SENTENCES: list[tuple[dict[str, Any], str]] = [
    (
        {"how": "sample", "checked_share": 0.04, "owners": 2},
        "4 % recomputed by two other members, all agreed.",
    ),
    (
        {"how": "sample", "checked_share": 0.04, "owners": 1},
        "4 % recomputed by one other member, who agreed.",
    ),
    (
        {"how": "all", "checked_share": 1.0, "owners": 11},
        "100 % recomputed by 11 other members, all agreed.",
    ),
    (
        {"how": "sample", "checked_share": 0.0001, "owners": 10},
        "Less than 1 % recomputed by ten other members, all agreed.",
    ),
    (
        {"how": "all", "checked_share": 0.9999, "owners": 2, "reason": "timed_out"},
        "More than 99 % recomputed by two other members, all agreed; "
        "the checks did not end in time.",
    ),
    (
        {"how": "proof"},
        "Proved: every part was checked, nothing had to be recomputed.",
    ),
    (
        {"how": "check"},
        "Every part fits the rules of its kind; nothing was recomputed.",
    ),
    (
        {"how": "check", "reason": "one_owner"},
        "Every part fits the rules of its kind; nothing was recomputed, "
        "because only one member's computers were online.",
    ),
    ({"how": "none"}, "Not checked, as its submitter wished."),
    (
        {"how": "none", "reason": "one_owner"},
        "Not checked: only one member's computers were online.",
    ),
    ({"how": "none", "reason": "timed_out"}, "Not checked: the checks did not end in time."),
    ({"how": "pending"}, "Being checked: other members compute it again."),
    (
        {"how": "pending", "checked_share": 0.5, "owners": 1},
        "Being checked: 50 % was recomputed so far, and agreed.",
    ),
    ({"how": "none", "reason": "withdrawn", "owners": 2}, "Withdrawn: a part of it was wrong."),
    (
        {"how": "sample", "checked_share": 1.0, "owners": 2, "replaces": True},
        "100 % recomputed by two other members, all agreed; "
        "this result replaces one that was withdrawn.",
    ),
    (
        {"how": "sample"},
        "Nothing was recomputed: those who computed it are known, and checked now and then.",
    ),
    (
        {"how": "sample", "checked_share": 0.5, "reason": "same_owner"},
        "50 % recomputed by another computer of the same member, which agreed: "
        "that finds faults, not lies.",
    ),
    (
        {"how": "sample", "checked_share": 0.04, "owners": 2, "reason": "same_owner"},
        "4 % recomputed by two other members, all agreed; some of it only by another computer of "
        "the same member, which finds faults, not lies.",
    ),
    (
        {"how": "sample", "disagreements": 1, "reason": "undecided"},
        "Recomputed by another computer of the same member, but one disagreed and nobody was left "
        "to decide: the result may be wrong.",
    ),
    (
        {
            "how": "sample",
            "checked_share": 0.12,
            "owners": 3,
            "disagreements": 1,
            "taken_out": 40,
        },
        "12 % recomputed by three other members; "
        "one disagreed, and their part was taken out and computed again.",
    ),
    (
        {"how": "all", "checked_share": 1.0, "owners": 5, "disagreements": 2, "taken_out": 9},
        "100 % recomputed by five other members; "
        "two disagreed, and their parts were taken out and computed again.",
    ),
    (
        {"how": "sample", "checked_share": 0.04, "owners": 2, "disagreements": 1},
        "4 % recomputed by two other members; one disagreed, and the majority stands.",
    ),
    (
        {"how": "sample", "owners": 1, "disagreements": 1, "reason": "undecided"},
        "Recomputed by one other member, but one disagreed and nobody was left to decide: "
        "the result may be wrong.",
    ),
    (
        {
            "how": "sample",
            "checked_share": 0.1,
            "owners": 2,
            "disagreements": 1,
            "reason": "undecided",
        },
        "10 % recomputed by two other members, but one disagreed and nobody was left to decide: "
        "the result may be wrong.",
    ),
]


@pytest.mark.parametrize(("facts", "sentence"), SENTENCES)
def test_it_is_one_sentence_for_people(facts: dict[str, Any], sentence: str) -> None:
    assert Verification(**facts).sentence == sentence


EVERY = st.builds(
    Verification,
    how=st.sampled_from(["proof", "check", "sample", "all", "none", "pending"]),
    checked_share=st.floats(0, 1),
    owners=st.integers(0, 10**6),
    disagreements=st.integers(0, 10**6),
    reason=st.sampled_from(["", "one_owner", "same_owner", "timed_out", "undecided", "withdrawn"]),
    taken_out=st.integers(0, 10**6),
    replaces=st.booleans(),
)


def test_what_can_be_said_is_what_the_api_declares() -> None:
    fields = get_type_hints(Verification)
    assert set(get_args(fields["how"])) == set(verification.HOW)
    assert set(get_args(fields["reason"])) == {"", *verification.REASONS}
    assert (states.AS_TASK, *verification.VERIFY[1:]) == states.VERIFY_DEFAULTS


@given(EVERY)
def test_there_is_a_sentence_for_everything_and_a_header_can_carry_it(found: Verification) -> None:
    sentence = found.sentence
    assert sentence[0].isupper() or sentence[0].isdigit()
    assert sentence.endswith(".")
    assert sentence.isascii()
    assert sentence.count(". ") == 0
    assert " 0 %" not in f" {sentence}"


@given(EVERY)
def test_what_is_stored_comes_back(found: Verification) -> None:
    assert from_plain(msgspec.json.decode(msgspec.json.encode(found.plain()))) == found
    assert found.shown() == {**found.plain(), "sentence": found.sentence}


def test_what_another_version_has_added_is_ignored_and_nothing_stays_nothing() -> None:
    """Servers of two versions may use one database for a while."""
    assert from_plain({"how": "proof", "weather": "fine"}) == Verification(how="proof")
    assert from_plain({"how": "oracle"}) is None
    assert from_plain({"how": "none", "reason": "eclipse"}) is None
    assert from_plain(None) is None


@pytest.mark.parametrize(
    ("asked", "least", "verify"),
    [
        ("", "", "auto"),
        ("none", "", "none"),
        ("", "auto", "auto"),
        ("", "all", "all"),
        ("none", "auto", "auto"),
        ("none", "all", "all"),
        ("auto", "sample", "sample"),
        ("all", "sample", "all"),
    ],
)
def test_a_group_raises_what_is_asked_for_and_never_lowers_it(
    asked: str, least: str, verify: str
) -> None:
    assert raised(asked, least) == verify


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.005, "Less than 1 %"),
        (0.01, "1 %"),
        (0.99, "99 %"),
        (0.9901, "More than 99 %"),
        (1.0, "100 %"),
    ],
)
def test_a_part_is_never_rounded_to_nothing_or_to_the_whole(share: float, text: str) -> None:
    assert verification.percent(share) == text


@pytest.mark.parametrize(
    ("share", "about"), [(0.05, "5 %"), (0.2, "20 %"), (0.001, "less than 1 %")]
)
def test_the_costs_are_those_of_the_setting(share: float, about: str) -> None:
    costs = verification.costs(share)
    assert list(costs) == list(verification.VERIFY)
    assert costs["sample"] == f"about {about} more work"
    assert costs["all"] == "twice the work"
    assert f"About {about} is recomputed" in verification.intention("sample", share)
    assert {verification.intention(verify, share)[-1] for verify in verification.VERIFY} == {"."}
