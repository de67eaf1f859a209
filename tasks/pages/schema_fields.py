"""Form fields from a JSON Schema (2020-12, as msgspec writes it).

Labels, help, bounds and examples come from the schema. What no other field fits is typed as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from tasks.pages.fields import Json, JsonSchema, Lines, Numbers, check_bounds

SHORT_TEXT_CHARS = 100
LABEL_CHARS_MAX = 1000


def choice_or_text(name: str, schema: JsonSchema) -> forms.Field:
    """An optional field of one line: a choice where the schema lists its values, else text."""
    field: forms.Field
    if "enum" in _options(schema)[0]:
        field = field_of(name, schema, required=False)
    else:
        field = forms.CharField(
            label=schema.get("title", name),
            help_text=schema.get("description", ""),
            required=False,
            max_length=LABEL_CHARS_MAX,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
    field.widget.attrs.setdefault("class", "input")
    return field


Facts = dict[str, Any]
Maker = Callable[[JsonSchema, Facts], forms.Field]


def field_of(name: str, schema: JsonSchema, *, required: bool) -> forms.Field:
    """The form field of one property of a JSON Schema object."""
    options = _options(schema)
    facts: Facts = {
        "label": schema.get("title") or name.replace("_", " ").capitalize(),
        "help_text": schema.get("description", ""),
        "required": required,
        "initial": schema.get("default"),
    }
    first = options[0] if options else {}
    field = _maker(options)({**schema, **first}, facts)
    examples = schema.get("examples")
    if examples and not isinstance(field, forms.BooleanField | forms.ChoiceField):
        field.widget.attrs.setdefault("placeholder", _shown(examples[0]))
    return field


def _options(schema: JsonSchema) -> list[JsonSchema]:
    """The schemas of what the value may be, besides null."""
    return [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]


def _types(options: Iterable[JsonSchema]) -> set[Any]:
    return {option.get("type") for option in options}


def _maker(options: list[JsonSchema]) -> Maker:
    """The function that makes a field for these options."""
    types, first = _types(options), options[0] if options else {}
    if "enum" in first and len(options) == 1:
        return _choice
    if first.get("type") == "array":
        return _list
    if types == {"integer", "string"}:
        return _digits
    if types == {"integer", "number"}:
        return _real
    if len(types) == 1:
        return _SINGLE.get(first.get("type", ""), _json)
    return _json


def _shown(example: Any) -> str:
    if isinstance(example, list):
        return "\n".join(map(str, example))
    return example if isinstance(example, str) else json.dumps(example)


def _choice(schema: JsonSchema, facts: Facts) -> forms.Field:
    words = {str(one): one for one in schema["enum"]}
    choices = [(word, word) for word in words]
    if not facts["required"] and facts["initial"] is None:
        choices.insert(0, ("", "–"))
    return forms.TypedChoiceField(choices=choices, coerce=words.get, empty_value=None, **facts)


def _choices(schema: JsonSchema, facts: Facts) -> forms.Field:
    words = {str(one): one for one in schema["items"]["enum"]}
    return forms.TypedMultipleChoiceField(
        choices=[(word, word) for word in words],
        coerce=words.get,
        widget=forms.CheckboxSelectMultiple,
        **facts,
    )


def _yes_no(schema: JsonSchema, facts: Facts) -> forms.Field:
    return forms.BooleanField(**{**facts, "required": False})


def _whole(schema: JsonSchema, facts: Facts) -> forms.Field:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
    if most is None and "exclusiveMaximum" in schema:
        most = schema["exclusiveMaximum"] - 1
    return forms.IntegerField(min_value=least, max_value=most, **facts)


def _real(schema: JsonSchema, facts: Facts) -> forms.Field:
    field = forms.FloatField(
        min_value=schema.get("minimum"), max_value=schema.get("maximum"), **facts
    )
    open_ends = {
        word: schema[word] for word in ("exclusiveMinimum", "exclusiveMaximum") if word in schema
    }
    field.validators.append(lambda value: check_bounds(value, open_ends))
    for word, attr in (("exclusiveMinimum", "data-above"), ("exclusiveMaximum", "data-below")):
        if word in open_ends:
            field.widget.attrs[attr] = open_ends[word]
    return field


def _digits(schema: JsonSchema, facts: Facts) -> forms.Field:
    """An integer of any length, as text: browsers keep only 53 bits of a number."""
    attrs = {
        "inputmode": "numeric",
        "class": "input input-mono",
        "data-digits": True,
        "autocomplete": "off",
    }
    return forms.CharField(widget=forms.TextInput(attrs=attrs), max_length=1000, **facts)


def _text(schema: JsonSchema, facts: Facts) -> forms.Field:
    most, pattern = schema.get("maxLength"), schema.get("pattern")
    long = most is None or most > SHORT_TEXT_CHARS
    widget = forms.Textarea(attrs={"rows": 3}) if long else forms.TextInput()
    field = forms.CharField(
        min_length=schema.get("minLength"), max_length=most, widget=widget, **facts
    )
    if pattern:
        field.validators.append(RegexValidator(pattern, "This does not have the required form."))
        field.widget.attrs["data-pattern"] = pattern
    return field


def _json(schema: JsonSchema, facts: Facts) -> forms.Field:
    return Json(**_helped(facts, "As JSON."))


def _list(schema: JsonSchema, facts: Facts) -> forms.Field:
    item = schema.get("items") or {}
    limits = {"least": schema.get("minItems", 0), "most": schema.get("maxItems")}
    types = _types(_options(item))
    if "enum" in item:
        return _choices(schema, facts)
    if types == {"string"}:
        return Lines(item=item, **limits, **_helped(facts, "One per line."))
    if types and types <= {"integer", "number"}:
        return Numbers(
            item=item, **limits, **_helped(facts, "Separated by spaces, commas or lines.")
        )
    return _json(schema, facts)


def _helped(facts: Facts, how: str) -> Facts:
    return {**facts, "help_text": f"{facts['help_text']} {how}".strip()}


_SINGLE: dict[str, Maker] = {
    "boolean": _yes_no,
    "integer": _whole,
    "number": _real,
    "string": _text,
}
