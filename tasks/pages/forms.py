"""The form of a new task.

The fields of a kind are made from the JSON Schema of its Params, so that a plug-in gets a form too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.text import capfirst

from core.errors import FirmlightError
from core.text import check_printable, check_printable_lines
from core.views import PageForm
from firmlight_client import kinds
from tasks import states
from tasks.pages import checks
from tasks.pages.schema_fields import choice_or_text, field_of
from tasks.services.inputs import BadInput
from tasks.verification import VERIFY, raised

PARAM = "param-"
FILE_PARAM = "file-param-"
PIECE_BYTES = 2**20


class TaskForm(PageForm):
    """The form of a new task of one kind.

    `key` names the submission, so that a double click makes one task. The names of the kind's
    fields begin with PARAM, those of params beside a file with FILE_PARAM.
    """

    key = forms.CharField(max_length=64, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    title = forms.CharField(
        max_length=120,
        required=False,
        validators=[check_printable],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        max_length=2000,
        required=False,
        validators=[check_printable_lines],
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "For the others in the group"}),
    )
    priority = forms.ChoiceField(
        choices=[(one, one.capitalize()) for one in states.PRIORITIES], initial=states.NORMAL
    )
    allow_partial = forms.BooleanField(
        label="Go on without it", help_text="The result says what is missing.", required=False
    )
    verify = forms.ChoiceField(
        label="Check the result",
        choices=[(one, one) for one in VERIFY],
        widget=forms.RadioSelect,
        required=False,
    )
    hours = forms.FloatField(
        label="Give up after",
        help_text="Hours from now; if it is not finished by then, it fails.",
        min_value=0.01,
        max_value=24 * 365,
        required=False,
    )
    subtask_seconds_max = forms.FloatField(
        label="Seconds a subtask may take", min_value=0.1, required=False
    )

    def __init__(
        self, kind: kinds.Kind, *args: Any, leads: bool, least: str = "", **kwargs: Any
    ) -> None:
        """`least`: how much the group has checked at least, "" for what submitters say."""
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.choices: dict[str, list[str]] = {}  # for params that say how a file is read
        self.columns: list[dict[str, Any]] = []  # of a file in which a column must be chosen
        self.fields["title"].widget.attrs["placeholder"] = kind.title
        limit = f"At most {kind.subtask_seconds_max:g}, which is this kind's own limit."
        self.fields["subtask_seconds_max"].help_text = limit
        if not leads:
            self._remove_high_priority()
        self._offer_checks(least)
        self._add_params()

    def _remove_high_priority(self) -> None:
        field: Any = self.fields["priority"]
        field.choices = [choice for choice in field.choices if choice[0] != states.HIGH]
        if self.initial.get("priority") == states.HIGH:
            self.initial["priority"] = states.NORMAL

    def _offer_checks(self, least: str) -> None:
        """Offer what the group does not raise; what it raised meanwhile is accepted, too."""
        field: Any = self.fields["verify"]
        field.widget.choices = checks.choices(least)
        field.help_text = checks.hint(self.kind, least)
        self.initial["verify"] = raised(self.initial.get("verify", ""), least)

    def _add_params(self) -> None:
        schema = kinds.params_schema(self.kind)
        takes_file = bool(self.kind.file_suffixes)
        needed = set() if takes_file else set(schema.get("required", ()))
        for name, rule in schema.get("properties", {}).items():
            field = self.fields[PARAM + name] = field_of(name, rule, required=name in needed)
            field.instead_of_file = takes_file  # type: ignore[attr-defined]  # not just optional
            if not isinstance(field.widget, forms.CheckboxInput | forms.CheckboxSelectMultiple):
                field.widget.attrs.setdefault("class", "input")
        if takes_file:
            attrs = {
                "accept": ",".join(self.kind.file_suffixes),
                "data-bytes-max": settings.UPLOAD_BYTES_MAX,
            }
            widget = forms.FileInput(attrs=attrs)
            self.fields["file"] = forms.FileField(required=False, widget=widget)
            self._add_file_params()

    def _add_file_params(self) -> None:
        """Add params beside a file; they stay empty unless the file can be read in several ways."""
        for name, rule in kinds.file_params_schema(self.kind).get("properties", {}).items():
            self.fields[FILE_PARAM + name] = choice_or_text(name, rule)

    @property
    def param_fields(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith(PARAM)]

    @property
    def file_param_fields(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith(FILE_PARAM)]

    @property
    def asks_of_file(self) -> bool:
        """Whether any param beside the file is asked for, chosen or wrong."""
        if self.choices:
            return True
        return any(field.errors or field.value() for field in self.file_param_fields)

    def offer(self, choices: Mapping[str, list[str]]) -> None:
        """Let people choose from these values of params beside the file instead of typing one."""
        for name, values in choices.items():
            if FILE_PARAM + name in self.fields:
                self.choices[name] = values
                self._offer_values(FILE_PARAM + name, values)

    def _offer_values(self, field: str, values: list[str]) -> None:
        offered = list(values)
        typed = self[field].value()
        if typed and typed not in offered:
            offered.append(typed)
        choices = [("", "–"), *((value, value) for value in offered)]
        self.fields[field].widget = forms.Select(choices=choices, attrs={"class": "input"})

    @property
    def has_refill(self) -> bool:
        """Whether the input of an older task is filled in."""
        return any(name.startswith(PARAM) for name in self.initial)

    @property
    def lost_file(self) -> str:
        """The name of the uploaded file, which has to be chosen anew: no page can fill it in."""
        return str(getattr(self.files.get("file"), "name", ""))

    @property
    def params(self) -> dict[str, Any]:
        """The kind's input as far as it was given; for the rest the kind has defaults.

        Input that was typed beside a file is passed on too: it is up to the kind to refuse it.
        """
        given = self._given(PARAM)
        if self.cleaned_data.get("file"):
            given = self._given(FILE_PARAM) | given
        return given

    def _given(self, prefix: str) -> dict[str, Any]:
        """The values of the fields with this prefix that were not left empty, without it."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.cleaned_data.items()
            if name.startswith(prefix) and value not in (None, "", [])
        }

    @property
    def input(self) -> dict[str, Any]:
        return {
            "kind": self.kind.name,
            "params": self.params,
            "file": self.cleaned_data.get("file"),
        }

    @property
    def submission(self) -> dict[str, Any]:
        """What `submit_task` takes."""
        plain = (
            "title",
            "description",
            "priority",
            "allow_partial",
            "subtask_seconds_max",
            "verify",
            "key",
        )
        hours = self.cleaned_data["hours"]
        deadline = timezone.now() + timedelta(hours=hours) if hours else None
        given = {name: self.cleaned_data[name] for name in plain}
        return {
            **self.input,
            **given,
            "deadline": deadline,
            "key": f"{given['key']} {self._fingerprint()}",
        }

    def _fingerprint(self) -> str:
        """A digest of everything that was given.

        A user who goes back in the browser, changes something and submits again wants another task.
        """
        given = {
            name: value for name, value in self.cleaned_data.items() if name not in ("key", "file")
        }
        found = blake2b(json.dumps(given, sort_keys=True).encode(), digest_size=16)
        if file := self.cleaned_data.get("file"):
            found.update(file.name.encode())
            for piece in file.chunks(PIECE_BYTES):
                found.update(piece)
            file.seek(0)
        return found.hexdigest()

    def add_service_error(self, error: FirmlightError) -> None:
        """Show an error of a service, whose fields have other names: `params.limit`."""
        if error.fields:
            error.fields = {
                self._field_of(name): [capfirst(sentence) for sentence in sentences]
                for name, sentences in error.fields.items()
            }
        if isinstance(error, BadInput):
            self.offer(error.choices)
            self.columns = error.columns
        super().add_service_error(error)

    def _field_of(self, name: str) -> str:
        """The name of the form's field that a service calls `name`."""
        where, _, rest = name.partition(".")
        if where == "deadline":
            return "hours"
        if where == "params":
            param = rest.partition(".")[0]
            for field in (FILE_PARAM + param, PARAM + param):
                if field in self.fields:
                    return field
        return where
