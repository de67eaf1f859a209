"""Form fields for input that Django has no field for: many lines, many numbers, and JSON.

They spare people a round trip to the server's kinds. What counts is what the kind's own Params say,
which check the input again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from core.parsers import read_json
from firmlight_client.kinds.number_words import comma_is_unclear, spaced_thousands

JsonSchema = Mapping[str, Any]
SHOWN_CHARS = 80  # of a wrong text, in an error
BOUNDS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "minimum": ("At least {:,}.", lambda value, bound: value >= bound),
    "maximum": ("At most {:,}.", lambda value, bound: value <= bound),
    "exclusiveMinimum": ("More than {:,}.", lambda value, bound: value > bound),
    "exclusiveMaximum": ("Less than {:,}.", lambda value, bound: value < bound),
}


def check_bounds(value: float, schema: JsonSchema, where: str = "") -> None:
    """Raise ValidationError for a value beyond the schema's bounds; `where` begins the message."""
    for word, (sentence, holds) in BOUNDS.items():
        if word in schema and not holds(value, schema[word]):
            raise ValidationError(where + sentence.format(schema[word]))


class ManyLines(forms.CharField):
    """Text in a field of several lines, as long as the body of a request may be."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs |= {
            "rows": 4,
            "class": "input input-mono",
            "spellcheck": "false",
            "data-text-max": settings.JSON_BODY_BYTES_MAX,
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
                    f"Line {number}, “{line[:SHOWN_CHARS]}”, does not have the required form."
                )
        return lines


class Numbers(ManyLines):
    """Numbers as text, separated by white space, commas or semicolons; integers stay exact."""

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
        _refuse_unclear(text)
        words = [word for word in re.split(r"[\s,;]+", text) if word]
        numbers = [self._number(word) for word in words]
        _check_length(numbers, self.least, self.most, "number")
        if self.bounded:
            for place, number in enumerate(numbers, 1):
                check_bounds(number, self.item, f"Number {place}: ")
        return numbers

    def _number(self, word: str) -> float:
        try:
            if "_" not in word:  # int() and float() take 1_000
                return int(word) if self.whole else float(word)
        except ValueError:
            pass
        noun = "whole number" if self.whole else "number"
        raise ValidationError(f"“{word[:SHOWN_CHARS]}” is not a {noun}.")


def _refuse_unclear(text: str) -> None:
    """Raise ValidationError where it is unclear where one number ends and the next begins."""
    if unclear := comma_is_unclear(text):
        raise ValidationError(
            f"“{unclear[:SHOWN_CHARS]}” may be one number, "
            "or several with commas between them: "
            "write a decimal point and no thousands separators, "
            "or a blank after each comma that stands between numbers."
        )
    if spaced := spaced_thousands(text.encode()):
        raise ValidationError(
            f"“{spaced.decode()}” may be one number with a blank between thousands: "
            "write it without thousands separators, or semicolons between numbers."
        )


def _check_length(values: list[Any], least: int, most: int | None, noun: str) -> None:
    """Raise ValidationError for too many or too few values; none at all may be optional."""
    if most is not None and len(values) > most:
        raise ValidationError(f"At most {most:,} {noun}s; there are {len(values):,}.")
    if values and len(values) < least:
        found = "there is one" if len(values) == 1 else f"there are {len(values):,}"
        raise ValidationError(f"At least {least:,} {noun}s; {found}.")


class Json(ManyLines):
    """Any value, typed as JSON."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs["data-json"] = True

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return read_json(text) if text else None
        except ValueError as error:
            raise ValidationError(f"This cannot be read as JSON: {error}.") from None
