"""The form of a new task. What a kind needs is made from the JSON Schema of its Params: a plug-in gets its form so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone

from firmlight.errors import FirmlightError
from firmlight.web import PageForm
from firmlight_client import kinds
from tasks import states

PARAM = "param-"
SHORT_TEXT_CHARS = 100
JsonSchema = Mapping[str, Any]


class Lines(forms.CharField):
    """Texts, one a line; empty lines do not count."""

    widget = forms.Textarea

    def __init__(self, *, item: JsonSchema, most: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pattern, self.most = item.get("pattern", ""), most
        self.widget.attrs |= {"rows": 4, "class": "input input-mono", "data-lines": self.pattern, "spellcheck": "false"}
        if most:
            self.widget.attrs["data-lines-max"] = most

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if self.most and len(lines) > self.most:
            raise ValidationError(f"At most {self.most:,} lines; there are {len(lines):,}.")
        for number, line in enumerate(lines, 1):
            if self.pattern and not re.search(self.pattern, line):
                raise ValidationError(f"Line {number}, “{line[:80]}”, does not look as it must.")
        return lines


class Numbers(forms.CharField):
    """Numbers as text, apart by white space, commas or semicolons."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs |= {"rows": 4, "class": "input input-mono", "data-numbers": True, "spellcheck": "false"}

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return [_number(word) for word in re.split(r"[\s,;]+", super().clean(value)) if word]


def _number(word: str) -> float:
    try:
        return float(word) if "_" not in word else float("none")
    except ValueError:
        raise ValidationError(f"“{word[:40]}” is not a number.") from None


class Json(forms.CharField):
    """What no other field fits: as JSON."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs |= {"rows": 4, "class": "input input-mono", "spellcheck": "false"}

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError) as error:
            raise ValidationError(f"This is not JSON: {error}.") from None


# A field from a schema


def field_of(name: str, schema: JsonSchema, *, required: bool) -> forms.Field:
    """The form field of one property of a JSON Schema object."""
    ways = [way for way in schema.get("anyOf", [schema]) if way.get("type") != "null"]
    types = [way.get("type") for way in ways]
    facts: dict[str, Any] = {
        "label": schema.get("title") or name.replace("_", " ").capitalize(),
        "help_text": schema.get("description", ""),
        "required": required,
        "initial": schema.get("default"),
    }
    merged = {**schema, **ways[0]} if ways else dict(schema)
    field = _shape(types, ways)(merged, facts)
    examples = schema.get("examples") or [None]
    if (example := examples[0]) is not None and not isinstance(field, (forms.BooleanField, forms.ChoiceField)):
        field.widget.attrs.setdefault("placeholder", _example(example))
    return field


def _shape(types: list[Any], ways: list[JsonSchema]) -> Callable[[JsonSchema, dict[str, Any]], forms.Field]:
    first = ways[0] if ways else {}
    if "enum" in first:
        return _choice
    if types[:1] == ["array"]:
        return _list(first)
    if set(types) == {"integer", "string"}:
        return _digits
    return {"boolean": _yes_no, "integer": _whole, "number": _real, "string": _text}.get(
        types[0] if types else "", _json
    )


def _example(example: Any) -> str:
    if isinstance(example, list):
        return "\n".join(map(str, example))
    return example if isinstance(example, str) else json.dumps(example)


def _choice(schema: JsonSchema, facts: dict[str, Any]) -> forms.Field:
    words = {str(one): one for one in schema["enum"]}
    return forms.TypedChoiceField(choices=[(word, word) for word in words], coerce=words.get, empty_value=None, **facts)


def _yes_no(schema: JsonSchema, facts: dict[str, Any]) -> forms.Field:
    return forms.BooleanField(**{**facts, "required": False})


def _whole(schema: JsonSchema, facts: dict[str, Any]) -> forms.Field:
    return forms.IntegerField(min_value=schema.get("minimum"), max_value=schema.get("maximum"), **facts)


def _real(schema: JsonSchema, facts: dict[str, Any]) -> forms.Field:
    return forms.FloatField(min_value=schema.get("minimum"), max_value=schema.get("maximum"), **facts)


def _digits(schema: JsonSchema, facts: dict[str, Any]) -> forms.Field:
    """An integer of any length: as text, for browsers keep 53 bits of a number."""
    attrs = {"inputmode": "numeric", "class": "input input-mono", "data-digits": True, "autocomplete": "off"}
    return forms.CharField(widget=forms.TextInput(attrs=attrs), max_length=1000, **facts)


def _text(schema: JsonSchema, facts: dict[str, Any]) -> forms.Field:
    most = schema.get("maxLength")
    field = forms.CharField(min_length=schema.get("minLength"), max_length=most, **facts)
    if most is None or most > SHORT_TEXT_CHARS:
        field.widget = forms.Textarea(attrs={"rows": 3})
    if pattern := schema.get("pattern"):
        field.validators.append(RegexValidator(pattern, "This does not look as it must."))
    return field


def _json(schema: JsonSchema, facts: dict[str, Any]) -> forms.Field:
    return Json(**{**facts, "help_text": f"{facts['help_text']} As JSON.".strip()})


def _list(schema: JsonSchema) -> Callable[[JsonSchema, dict[str, Any]], forms.Field]:
    item = schema.get("items") or {}
    if item.get("type") == "string":
        most = schema.get("maxItems")
        return lambda _, facts: Lines(
            item=item, most=most, **{**facts, "help_text": f"{facts['help_text']} One a line."}
        )
    if item.get("type") in ("number", "integer"):
        return lambda _, facts: Numbers(**facts)
    return _json


# The whole form


class TaskForm(PageForm):
    """`key` names the submission, so that a double click makes one task. Fields of the kind begin with PARAM."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)
    title = forms.CharField(
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "For the others in the group"}),
    )
    priority = forms.ChoiceField(choices=[(one, one.capitalize()) for one in states.PRIORITIES], initial=states.NORMAL)
    allow_partial = forms.BooleanField(
        label="Go on without it", help_text="The result says what is missing.", required=False
    )
    hours = forms.FloatField(
        label="Give up after",
        help_text="Hours from now; if it is not finished by then, it fails.",
        min_value=0.01,
        max_value=24 * 365,
        required=False,
    )
    subtask_seconds_max = forms.FloatField(label="Seconds a subtask may take", min_value=0.1, required=False)

    def __init__(self, kind: kinds.Kind, *args: Any, leads: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.fields["title"].widget.attrs["placeholder"] = kind.title
        limit = f"At most {kind.subtask_seconds_max:g}, which is this kind's own limit."
        self.fields["subtask_seconds_max"].help_text = limit
        if not leads:
            self.fields["priority"].choices = [  # type: ignore[attr-defined]
                (one, one.capitalize()) for one in states.PRIORITIES if one != states.HIGH
            ]
        self._add_params()

    def _add_params(self) -> None:
        schema = kinds.params_schema(self.kind)
        takes_file = bool(self.kind.file_suffixes)
        needed = set() if takes_file else set(schema.get("required", ()))
        for name, rule in schema.get("properties", {}).items():
            field = self.fields[PARAM + name] = field_of(name, rule, required=name in needed)
            field.widget.attrs.setdefault("class", "input") if not isinstance(field, forms.BooleanField) else None
        if takes_file:
            most = settings.UPLOAD_BYTES_MAX
            accept = {"accept": ",".join(self.kind.file_suffixes), "data-bytes-max": most}
            self.fields["file"] = forms.FileField(required=False, widget=forms.FileInput(attrs=accept))

    @property
    def param_fields(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith(PARAM)]

    @property
    def has_refill(self) -> bool:
        """Whether input of an older task is filled in."""
        return any(name.startswith(PARAM) for name in self.initial)

    @property
    def params(self) -> dict[str, Any]:
        """The kind's input as far as it was given; what was left empty is the kind's own default."""
        given = {name.removeprefix(PARAM): value for name, value in self.cleaned_data.items() if name.startswith(PARAM)}
        return {name: value for name, value in given.items() if value not in (None, "", [])}

    @property
    def input(self) -> dict[str, Any]:
        return {"kind": self.kind.name, "params": self.params, "file": self.cleaned_data.get("file")}

    @property
    def submission(self) -> dict[str, Any]:
        """What `submit_task` takes."""
        plain = ("title", "description", "priority", "allow_partial", "subtask_seconds_max", "key")
        hours = self.cleaned_data["hours"]
        deadline = timezone.now() + timedelta(hours=hours) if hours else None
        return {**self.input, **{name: self.cleaned_data[name] for name in plain}, "deadline": deadline}

    def take(self, error: FirmlightError) -> None:
        """A service says `params.limit`; here the field is called otherwise."""
        if error.fields:
            error.fields = {self._own(name): sentences for name, sentences in error.fields.items()}
        super().take(error)

    def _own(self, name: str) -> str:
        where, _, rest = name.partition(".")
        if where == "deadline":
            return "hours"
        own = PARAM + rest.partition(".")[0]
        return own if where == "params" and own in self.fields else where
