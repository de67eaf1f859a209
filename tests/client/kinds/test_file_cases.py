"""Small files as people have them: each gives the right numbers, or an error that helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmlight_client.kinds import ParamsError
from tests.client.kinds.test_number_files import read

CASES = Path(__file__).parent / "cases"
EXPECTED = json.loads((CASES / "expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_gives_the_right_numbers_or_says_why_not(name):
    kind, what = EXPECTED[name]["kind"], EXPECTED[name]["what"]
    try:
        found = read((CASES / name).read_bytes(), name)
    except ParamsError as error:
        assert kind != "values", error.message
        assert kind == "either" or what in error.message
        assert error.code == "invalid" or error.choices
    else:
        assert kind != "refuse", found
        assert found == what


def test_no_case_is_forgotten():
    assert {path.name for path in CASES.iterdir()} == {*EXPECTED, "expected.json"}
