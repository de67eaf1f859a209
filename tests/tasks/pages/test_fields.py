"""Form fields from a JSON Schema: which one a property gets, what it takes and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tasks.pages.fields import Json, Lines, Numbers
from tasks.pages.schema_fields import field_of


@pytest.mark.parametrize(
    ("schema", "given", "value"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 5}, "3", 3),
        ({"type": "number"}, "2.5", 2.5),
        ({"type": "boolean"}, "on", True),
        ({"type": "string"}, " so ", "so"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "3", 3),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "9" * 40, "9" * 40),
        ({"enum": ["a", 2]}, "2", 2),
        ({"type": "array", "items": {"type": "string"}}, "a\n\n b ", ["a", "b"]),
        ({"type": "array", "items": {"type": "number"}}, "1; 2.5\n-3e2", [1.0, 2.5, -300.0]),
        (
            {"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]},
            "1",
            [1.0],
        ),
        ({"type": "array", "items": {"type": "integer"}}, f"1, {2**60 + 1}", [1, 2**60 + 1]),
        (
            {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "number"}]}},
            "1 2.5",
            [1.0, 2.5],
        ),
        ({"type": "array", "items": {"enum": ["a", 2, "c"]}}, ["a", "2"], ["a", 2]),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "2.5", 2.5),
        ({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}, "b", "b"),
        ({"anyOf": [{"type": "boolean"}, {"type": "number"}]}, "true", True),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False}, "[1]", [1]),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        ({"$ref": "#/$defs/Deep"}, "[1]", [1]),
    ],
)
def test_a_property_gets_the_field_that_suits_it(
    schema: dict[str, Any], given: str, value: Any
) -> None:
    assert field_of("some_name", schema, required=True).clean(given) == value


def test_a_field_takes_label_help_bounds_and_example_from_the_schema() -> None:
    schema = {
        "type": "integer",
        "title": "Pages",
        "description": "How many.",
        "minimum": 1,
        "examples": [20],
    }
    field = field_of("limit", schema, required=False)
    assert (field.label, field.help_text, field.required) == ("Pages", "How many.", False)
    assert (field.widget.attrs["min"], field.widget.attrs["placeholder"]) == (1, "20")
    assert field_of("some_name", {"type": "string"}, required=True).label == "Some name"
    assert isinstance(field_of("x", {"type": "array"}, required=True), Json)
    assert isinstance(
        field_of("x", {"type": "array", "items": {"type": "string"}}, required=True), Lines
    )
    assert isinstance(
        field_of("x", {"type": "array", "items": {"type": "integer"}}, required=True), Numbers
    )


@pytest.mark.parametrize(
    ("schema", "given", "sentence"),
    [
        ({"type": "integer", "minimum": 1}, "0", "greater than or equal to 1"),
        ({"type": "integer", "exclusiveMinimum": 0}, "0", "greater than or equal to 1"),
        ({"type": "integer", "exclusiveMaximum": 5}, "5", "less than or equal to 4"),
        ({"type": "number", "exclusiveMinimum": 0}, "0", "More than 0."),
        ({"type": "number", "exclusiveMaximum": 1000}, "1000", "Less than 1,000."),
        ({"type": "string", "pattern": "^a"}, "b", "does not have the required form"),
        ({"type": "string", "maxLength": 2}, "abc", "at most 2 characters"),
        ({"enum": ["a", "b"]}, "c", "c is not one of the available choices"),
        (
            {"type": "array", "maxItems": 1, "items": {"type": "string"}},
            "a\nb",
            "At most 1 lines; there are 2.",
        ),
        (
            {"type": "array", "minItems": 2, "items": {"type": "number"}},
            "1",
            "At least 2 numbers; there is one.",
        ),
        ({"type": "array", "items": {"type": "integer"}}, "1 2.5", "“2.5” is not a whole number."),
        ({"type": "array", "items": {"type": "number"}}, "1_000", "“1_000” is not a number."),
        ({"type": "array", "items": {"type": "number"}}, "1\n2 000", "“2 000” may be one number"),
        (
            {"type": "array", "items": {"type": "integer", "minimum": 3}},
            "4 2",
            "Number 2: At least 3.",
        ),
        ({"type": "object"}, "{", "This cannot be read as JSON"),
        ({"type": "object"}, "[" * 251 + "]" * 251, "more than 250 levels deep"),
        ({"type": "object"}, '{"share": NaN}', "This cannot be read as JSON"),
        ({"type": "object"}, "[" * 100_000, "This cannot be read as JSON"),
    ],
)
def test_a_field_refuses_what_the_schema_does(
    schema: dict[str, Any], given: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        field_of("x", schema, required=True).clean(given)
    assert sentence in " ".join(refused.value.messages)


def test_an_optional_choice_can_be_left_open() -> None:
    field = field_of(
        "x", {"anyOf": [{"enum": ["a"]}, {"type": "null"}], "default": None}, required=False
    )
    assert field.choices[0] == ("", "–")  # type: ignore[attr-defined]
    assert field.clean("") is None
    assert field_of("x", {"enum": ["a"], "default": "a"}, required=False).choices == [("a", "a")]  # type: ignore[attr-defined]
