"""Form fields from a JSON Schema (2020-12, as msgspec writes it): labels, help, bounds and examples
come from there.

What no other field fits is typed as JSON. These fields spare people a round trip; what holds is
what the kind's own Params say, and they look at the input again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from core.parsers import read_json
from firmlight_client.kinds.number_words import comma_is_unclear, spaced_thousands

JsonSchema = Mapping[str, Any]
SHORT_TEXT_CHARS = 100
SHOWN_CHARS = 80  # of what is wrong
BOUNDS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "minimum": ("At least {:,}.", lambda value, bound: value >= bound),
    "maximum": ("At most {:,}.", lambda value, bound: value <= bound),
    "exclusiveMinimum": ("More than {:,}.", lambda value, bound: value > bound),
    "exclusiveMaximum": ("Less than {:,}.", lambda value, bound: value < bound),
}


def check_bounds(value: float, schema: JsonSchema, where: str = "") -> None:
    """Raises ValidationError; `where` says which of many numbers it is."""
    for word, (sentence, holds) in BOUNDS.items():
        if word in schema and not holds(value, schema[word]):
            raise ValidationError(where + sentence.format(schema[word]))


class ManyLines(forms.CharField):
    """Text in a field of several lines; a body of a request has JSON_BODY_BYTES_MAX bytes at most."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        most = settings.JSON_BODY_BYTES_MAX
        self.widget.attrs |= {
            "rows": 4,
            "class": "input input-mono",
            "spellcheck": "false",
            "data-text-max": most,
        }

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value


class Lines(ManyLines):
    """Texts, one a line; empty lines do not count."""

    def __init__(
        self, *, item: JsonSchema, least: int = 0, most: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pattern, self.least, self.most = item.get("pattern", ""), least, most
        self.widget.attrs["data-lines"] = self.pattern
        if most:
            self.widget.attrs["data-lines-max"] = most

    def clean(self, value: Any) -> Any:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        _check_length(lines, self.least, self.most, "line")
        for number, line in enumerate(lines, 1):
            if self.pattern and not re.search(self.pattern, line):
                raise ValidationError(
                    f"Line {number}, “{line[:SHOWN_CHARS]}”, does not look as it must."
                )
        return lines


class Numbers(ManyLines):
    """Numbers as text, apart by white space, commas or semicolons; integers stay exact."""

    def __init__(
        self, *, item: JsonSchema, least: int = 0, most: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.item, self.least, self.most = item, least, most
        self.whole = item.get("type") == "integer"
        self.bounded = any(word in item for word in BOUNDS)
        self.widget.attrs["data-numbers"] = "whole" if self.whole else ""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if unclear := comma_is_unclear(text):
            raise ValidationError(
                f"“{unclear[:SHOWN_CHARS]}” may be one number, or several with commas between them: write a decimal "
                "point and no thousands separators, or a blank after each comma that stands between numbers."
            )
        if spaced := spaced_thousands(text.encode()):
            raise ValidationError(
                f"“{spaced.decode()}” may be one number with a blank between thousands: "
                "write it without thousands separators, or semicolons between numbers."
            )
        words = [word for word in re.split(r"[\s,;]+", text) if word]
        numbers = [self._number(word) for word in words]
        _check_length(numbers, self.least, self.most, "number")
        for place, number in enumerate(numbers if self.bounded else [], 1):
            check_bounds(number, self.item, f"Number {place}: ")
        return numbers

    def _number(self, word: str) -> float:
        try:
            if "_" not in word:  # int() and float() take 1_000
                return int(word) if self.whole else float(word)
        except ValueError:
            pass
        raise ValidationError(
            f"“{word[:SHOWN_CHARS]}” is not a {'whole ' if self.whole else ''}number."
        )


def _check_length(values: list[Any], least: int, most: int | None, noun: str) -> None:
    """An empty field is another matter: it may be optional."""
    if most is not None and len(values) > most:
        raise ValidationError(f"At most {most:,} {noun}s; there are {len(values):,}.")
    if values and len(values) < least:
        raise ValidationError(f"At least {least:,} {noun}s; there {_are(len(values))}.")


def _are(count: int) -> str:
    return f"are {count:,}" if count != 1 else "is one"


class Json(ManyLines):
    """What no other field fits: as JSON."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs["data-json"] = True

    def prepare_value(self, value: Any) -> Any:
        return (
            value
            if value is None or isinstance(value, str)
            else json.dumps(value, ensure_ascii=False)
        )

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return read_json(text) if text else None
        except ValueError as error:
            raise ValidationError(f"This cannot be read as JSON: {error}.") from None


# A field from a schema

LABEL_CHARS_MAX = 1000


def choice_or_text(name: str, schema: JsonSchema) -> forms.Field:
    """An optional field of one line: a choice where the schema lists its values, else text."""
    way = _ways(schema)[0]
    field = field_of(name, schema, required=False) if "enum" in way else None
    field = field or forms.CharField(
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
    ways = _ways(schema)
    facts: Facts = {
        "label": schema.get("title") or name.replace("_", " ").capitalize(),
        "help_text": schema.get("description", ""),
        "required": required,
        "initial": schema.get("default"),
    }
    field = _maker(ways)({**schema, **(ways[0] if ways else {})}, facts)
    example = (schema.get("examples") or [None])[0]
    if example is not None and not isinstance(field, forms.BooleanField | forms.ChoiceField):
        field.widget.attrs.setdefault("placeholder", _shown(example))
    return field


def _ways(schema: JsonSchema) -> list[JsonSchema]:
    """What it may be besides null."""
    return [way for way in schema.get("anyOf", [schema]) if way.get("type") != "null"]


def _types(ways: Iterable[JsonSchema]) -> set[Any]:
    return {way.get("type") for way in ways}


def _maker(ways: list[JsonSchema]) -> Maker:
    types, first = _types(ways), ways[0] if ways else {}
    if "enum" in first and len(ways) == 1:
        return _choice
    if first.get("type") == "array":
        return _list
    if types == {"integer", "string"}:
        return _digits
    if types == {"integer", "number"}:
        return _real
    return _SINGLE.get(first.get("type", ""), _json) if len(types) == 1 else _json


def _shown(example: Any) -> str:
    if isinstance(example, list):
        return "\n".join(map(str, example))
    return example if isinstance(example, str) else json.dumps(example)


def _choice(schema: JsonSchema, facts: Facts) -> forms.Field:
    words = {str(one): one for one in schema["enum"]}
    none = [("", "–")] if not facts["required"] and facts["initial"] is None else []
    choices = none + [(word, word) for word in words]
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
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    least = schema.get("minimum", None if above is None else above + 1)
    most = schema.get("maximum", None if below is None else below - 1)
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
    """An integer of any length: as text, for browsers keep 53 bits of a number."""
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
        field.validators.append(RegexValidator(pattern, "This does not look as it must."))
        field.widget.attrs["data-pattern"] = pattern
    return field


def _json(schema: JsonSchema, facts: Facts) -> forms.Field:
    return Json(**_helped(facts, "As JSON."))


def _list(schema: JsonSchema, facts: Facts) -> forms.Field:
    item = schema.get("items") or {}
    limits = {"least": schema.get("minItems", 0), "most": schema.get("maxItems")}
    types = _types(_ways(item))
    if "enum" in item:
        return _choices(schema, facts)
    if types == {"string"}:
        return Lines(item=item, **limits, **_helped(facts, "One a line."))
    if types and types <= {"integer", "number"}:
        return Numbers(item=item, **limits, **_helped(facts, "Apart by spaces, commas or lines."))
    return _json(schema, facts)


def _helped(facts: Facts, how: str) -> Facts:
    return {**facts, "help_text": f"{facts['help_text']} {how}".strip()}


_SINGLE: dict[str, Maker] = {
    "boolean": _yes_no,
    "integer": _whole,
    "number": _real,
    "string": _text,
}
