"""What is believed when the same subtasks were computed several times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import verdicts
from tasks.verdicts import Answer, Verdict

NEW: dict[str, int] = {}


def judge(
    text: str,
    *,
    others_left: bool = False,
    others_online: bool = False,
    must_agree: bool = False,
    agreements: dict[str, int] = NEW,
) -> Verdict:
    """judge("ann:1 ben:2"): Ann's machine says 1, then Ben's says 2."""
    pairs = [part.split(":") for part in text.split()]
    answers = [Answer(owner, says) for owner, says in pairs]
    return verdicts.judge(
        answers,
        others_left=others_left,
        others_online=others_online,
        agreements=agreements,
        must_agree=must_agree,
    )


def found(verdict: Verdict) -> tuple[str, int | None, str, str]:
    right, wrong = (" ".join(sorted(owners)) for owners in (verdict.right, verdict.wrong))
    return verdict.outcome, verdict.stands, right, wrong


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("ann:1 ben:1", ("agreed", 0, "ann ben", "")),
        ("ann:1 ben:1 cy:1", ("agreed", 0, "ann ben cy", "")),
        ("ann:1 ben:2 cy:2", ("majority", 1, "ben cy", "ann")),
        ("ann:1 ben:2 cy:1", ("majority", 0, "ann cy", "ben")),
        ("ann:1 ann:1 ben:1", ("agreed", 0, "ann ben", "")),
        ("ann:1 ann:1 ben:2 cy:2", ("majority", 2, "ben cy", "ann")),  # machines have no vote
        ("ann:1 ann:2 ben:1 cy:1", ("majority", 0, "ben cy", "ann")),
        ("ann:3 ben:1 cy:1 dee:2 eve:1", ("majority", 1, "ben cy eve", "ann dee")),
    ],
)
@pytest.mark.parametrize("others_left", [False, True])
def test_a_majority_of_owners_decides(
    answers: str, expected: tuple[object, ...], others_left: bool
) -> None:
    verdict = judge(answers, others_left=others_left)
    assert found(verdict) == expected
    assert verdict.is_checked
    assert verdict.warning == ""


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("ann:1 ben:1", ("agreed", 0, "ann ben", "")),
        ("ann:1 ben:2", ("ask_another", None, "", "")),
        ("ann:1 ben:2 cy:2", ("ask_another", None, "", "")),
        ("ann:1 ben:2 cy:2 dee:2", ("majority", 1, "ben cy dee", "ann")),
        ("ann:1 ben:2 cy:2 dee:1", ("ask_another", None, "", "")),
        ("ann:1 ben:2 cy:2 dee:1 eve:1", ("ask_another", None, "", "")),
        ("ann:1 ben:1 cy:2 dee:3 eve:1", ("ask_another", None, "", "")),
    ],
)
def test_while_others_are_online_those_who_differ_are_outvoted_by_two(
    answers: str, expected: tuple[object, ...]
) -> None:
    assert found(judge(answers, others_left=True, others_online=True)) == expected


@pytest.mark.parametrize(
    "answers",
    [
        "ann:1",
        "ann:1 ann:1",
        "ann:1 ben:2",
        "ann:1 ben:2 cy:3",
        "ann:1 ben:1 cy:2 dee:2",
        "ann:1 ben:1 cy:2 dee:3",  # half of the votes are not enough
        "ann:1 ann:2 ben:1",  # nobody knows which of Ann's machines is right
    ],
)
def test_without_a_majority_another_owner_is_asked(answers: str) -> None:
    assert found(judge(answers, others_left=True)) == ("ask_another", None, "", "")


@pytest.mark.parametrize(
    ("answers", "agreements", "stands"),
    [
        ("ann:1 ben:2", {"ann": 3, "ben": 4}, 1),
        ("ann:1 ben:2", {"ann": 4, "ben": 3}, 0),
        ("ann:1 ben:2", {"ann": 3, "ben": 3}, 0),
        ("ann:1 ben:2", {}, 0),
        ("ann:1 ben:2 cy:2 dee:3", {"ann": 9, "dee": 8}, 1),  # more owners before better standing
        ("ann:1 ben:2 cy:1 dee:2", {"ann": 1, "cy": 2, "ben": 0, "dee": 9}, 1),
    ],
)
def test_with_nobody_left_the_answer_of_better_standing_stands(
    answers: str, agreements: dict[str, int], stands: int
) -> None:
    verdict = judge(answers, agreements=agreements)
    assert found(verdict) == ("undecidable", stands, "", "")
    assert not verdict.is_checked
    assert "nobody else could be asked" in verdict.warning


def test_an_owner_whose_machines_contradict_one_another_is_warned_and_not_found_wrong() -> None:
    verdict = judge("ann:1 ann:2")
    assert found(verdict) == ("undecidable", 0, "", "")
    assert verdict.warned == {"ann"}
    well_known = judge("ann:1 ann:2 ben:2", agreements={"ann": 99})
    assert found(well_known) == ("undecidable", 1, "", "")
    assert judge("ann:1 ann:2", others_left=True).warned == {"ann"}
    assert found(judge("ann:1 ann:2 ben:2 cy:2")) == ("majority", 1, "ben cy", "ann")


def test_machines_of_one_owner_confirm_nothing_for_their_standing() -> None:
    verdict = judge("ann:1 ann:1 ann:1")
    assert found(verdict) == ("same_owner", 0, "", "")
    assert not verdict.is_checked
    assert "not lies" in verdict.warning


def test_a_single_answer_stands_unchecked_if_nobody_can_be_asked() -> None:
    verdict = judge("ann:1")
    assert found(verdict) == ("unchecked", 0, "", "")
    assert "not checked" in verdict.warning


@pytest.mark.parametrize("answers", ["ann:1", "ann:1 ben:2", "ann:1 ben:2 cy:3"])
def test_where_all_must_agree_nothing_stands_that_nobody_confirmed(answers: str) -> None:
    verdict = judge(answers, must_agree=True)
    assert verdict.stands is None
    assert verdict.is_unverified
    assert not judge(answers, must_agree=True, others_left=True).is_unverified
    assert not judge(answers).is_unverified
    assert judge("ann:1 ben:2 cy:2", must_agree=True).stands == 1
    assert judge("ann:1 ann:1", must_agree=True).stands == 0  # as the result says


def test_colluders_in_a_majority_win() -> None:
    """No comparison can prevent it, so the documentation says it."""
    assert found(judge("ann:lie ben:lie")) == ("agreed", 0, "ann ben", "")
    assert found(judge("ann:lie cy:true ben:lie")) == ("majority", 0, "ann ben", "cy")


def test_an_answer_to_a_canary_that_differs_is_a_disagreement_and_others_are_asked() -> None:
    verdict = verdicts.judge_canary(Answer("ann", "2"), "1", known_from={"ben", "cy"})
    assert found(verdict) == ("ask_another", None, "", "")


def test_a_right_answer_to_a_canary_counts_unless_it_was_known_from_the_same_owner() -> None:
    other = verdicts.judge_canary(Answer("ann", "1"), "1", known_from={"ben", "cy"})
    assert found(other) == ("agreed", 0, "ann", "")
    own = verdicts.judge_canary(Answer("ben", "1"), "1", known_from={"ben", "cy"})
    assert found(own) == ("agreed", 0, "", "")


def test_partials_that_are_the_same_are_of_one_class() -> None:
    def close(one: float, other: float) -> bool:
        return abs(one - other) < 0.1

    assert verdicts.equality_classes([1.0, 2.0, 1.05, 3.0, 2.01], close) == [0, 1, 0, 3, 1]
    assert verdicts.equality_classes([], close) == []
    # Close to both: the earlier one decides.
    assert verdicts.equality_classes([1.0, 1.15, 1.08], close) == [0, 1, 0]


answers_of_five = st.lists(
    st.builds(Answer, st.sampled_from(["ann", "ben", "cy", "dee", "eve"]), st.integers(0, 2)),
    min_size=1,
    max_size=8,
)


@given(answers_of_five, st.booleans(), st.booleans())
def test_right_and_wrong_never_overlap_and_two_owners_at_least_are_right(
    answers: list[Answer], others_left: bool, must_agree: bool
) -> None:
    verdict = verdicts.judge(answers, others_left=others_left, agreements={}, must_agree=must_agree)
    assert verdict.outcome in verdicts.OUTCOMES
    assert not verdict.right & verdict.wrong
    assert len(verdict.right) != 1
    assert bool(verdict.right) == verdict.is_checked
    assert (verdict.outcome == verdicts.ASK_ANOTHER) <= others_left
    if verdict.is_checked:
        assert verdict.stands is not None
        believed = answers[verdict.stands].says
        assert all(a.says == believed for a in answers if a.owner in verdict.right)
        assert {a.owner for a in answers if a.says != believed} == verdict.wrong


@given(
    st.lists(st.sampled_from(["ann", "ben", "cy", "dee", "eve"]), min_size=1, unique=True),
    st.data(),
)
def test_no_honest_owner_is_found_wrong_while_fewer_than_half_lie(
    owners: list[str], data: st.DataObject
) -> None:
    liars = data.draw(st.sets(st.sampled_from(owners), max_size=(len(owners) - 1) // 2))
    answers = [
        Answer(owner, data.draw(st.integers(0, 2)) if owner in liars else 0) for owner in owners
    ]
    verdict = verdicts.judge(answers, others_left=False, agreements={})
    assert verdict.wrong <= liars
    if verdict.is_checked:
        assert verdict.stands is not None
        assert answers[verdict.stands].says == 0
