"""Many calls of a kind: each is split, computed and finished as if it were alone."""

from __future__ import annotations

from typing import Any

import pytest

from firmlight_client import kinds
from firmlight_client.kinds import ParamsError
from firmlight_client.kinds.local import run_here
from firmlight_client.protocol import Consent
from firmlight_client.testing import check_kind
from firmlight_client.worker.consent.rules import Rules
from tasks.consent import allows

MANY = {
    "FACTORIZATION[]": [{"number": number} for number in ("1000000016000000063", 91, 10**40, 97)],
    "MEAN[]": [{"numbers": [1, 2.5, -4e3]}, {"numbers": [0.1] * 100}],
}
each = pytest.mark.parametrize(("name", "calls"), MANY.items(), ids=list(MANY))


@each
def test_calls_keep_the_law_and_come_out_as_they_do_alone(
    name: str, calls: list[dict[str, Any]]
) -> None:
    kind = kinds.get(kinds.agreed_as(name))
    (result,) = check_kind(kinds.get(name), {"calls": calls})
    assert result == {
        "results": [[place, run_here(kind, kind.load(call))] for place, call in enumerate(calls)]
    }


def test_calls_without_a_partial_are_left_out_of_an_incomplete_result() -> None:
    many = kinds.get("FACTORIZATION[]")
    params = many.load({"calls": [{"number": 6}, {"number": 7}, {"number": 8}]})
    partials = [many.run(payload) for payload in many.split(params)]
    found = many.finish_incomplete(kinds.combine_all(many, [partials[2], partials[0]]), params)
    assert [(place, row["number"]) for place, row in found["results"]] == [(0, "6"), (2, "8")]


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([{"number": 6}, {"number": "x"}], "call 2: the number must be"),
        ([{"number": 6}, {"number": 7}, {"n": 8}], "call 3: "),
        ([], "length >= 1"),
        ("no list", "Expected `array`"),
    ],
)
def test_what_is_wrong_with_a_call_says_which_it_is(calls: Any, message: str) -> None:
    with pytest.raises(ParamsError, match=message) as refused:
        kinds.get("FACTORIZATION[]").load({"calls": calls})
    assert refused.value.field == "calls"


def test_kinds_that_are_not_small_have_no_calls_and_people_choose_among_the_others() -> None:
    assert {name for name in kinds.installed() if name.endswith(kinds.CALLS)} == set(MANY)
    assert set(kinds.listed()) == set(kinds.installed()) - set(MANY)


def test_an_owner_who_agrees_to_a_kind_agrees_to_many_calls_of_it() -> None:
    assert Rules(kinds=["MEAN"]).allows("MEAN[]", public=False, seconds_max=60)
    assert not Rules(kinds=["MEAN"]).allows("FACTORIZATION[]", public=False, seconds_max=60)
    assert allows(Consent(kinds=["MEAN"]), "MEAN[]")
    assert not allows(Consent(kinds=["MEAN"]), "FACTORIZATION[]")
