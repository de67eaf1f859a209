"""How often a result is checked, by its owner's standing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import standing

TRUSTED = 10
counts = st.integers(0, 10**9)


@pytest.mark.parametrize("agreements", range(TRUSTED))
def test_a_new_owner_is_always_checked(agreements: int) -> None:
    assert standing.check_probability(agreements, TRUSTED) == 1
    assert standing.is_checked(agreements, TRUSTED, draw=0.999999)


@pytest.mark.parametrize(("agreements", "probability"), [(10, 1 / 11), (99, 0.01), (999, 0.001)])
def test_a_trusted_owner_is_checked_ever_less(agreements: int, probability: float) -> None:
    assert standing.check_probability(agreements, TRUSTED) == probability
    assert standing.is_checked(agreements, TRUSTED, draw=probability * 0.99)
    assert not standing.is_checked(agreements, TRUSTED, draw=probability)


@given(counts, st.integers(0, 1000))
def test_nobody_is_ever_sure_not_to_be_checked(agreements: int, trusted: int) -> None:
    assert 0 < standing.check_probability(agreements, trusted) <= 1
    assert standing.is_checked(agreements, trusted, draw=0.0)


@given(counts, counts, st.integers(0, 1000))
def test_more_agreements_never_mean_more_checks(some: int, more: int, trusted: int) -> None:
    few, many = sorted((some, more))
    probability = standing.check_probability
    assert probability(many, trusted) <= probability(few, trusted)


@given(counts)
def test_one_disagreement_undoes_all_agreements(agreements: int) -> None:
    assert standing.after_agreement(agreements) == agreements + 1
    assert standing.after_agreement(agreements, times=3) == agreements + 3
    assert standing.after_disagreement() == standing.NEWCOMER == 0
    assert standing.is_checked(standing.after_disagreement(), TRUSTED, draw=0.999999)
