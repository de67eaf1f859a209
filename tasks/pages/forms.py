"""The form of a new task. What a kind needs is made from the JSON Schema of its Params: a plug-in
gets its form so.
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
from core.views import PageForm
from firmlight_client import kinds
from tasks import states
from tasks.pages.fields import choice_or_text, field_of
from tasks.services.inputs import BadInput

PARAM = "param-"
FILE_PARAM = "file-param-"
PIECE_BYTES = 2**20


class TaskForm(PageForm):
    """`key` names the submission, so that a double click makes one task. Fields of the kind begin
    with PARAM.
    """

    key = forms.CharField(max_length=64, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
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
    priority = forms.ChoiceField(
        choices=[(one, one.capitalize()) for one in states.PRIORITIES], initial=states.NORMAL
    )
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
    subtask_seconds_max = forms.FloatField(
        label="Seconds a subtask may take", min_value=0.1, required=False
    )

    def __init__(self, kind: kinds.Kind, *args: Any, leads: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.choices: dict[
            str, list[str]
        ] = {}  # how else a file can be read, by the name of the param that says so
        self.columns: list[dict[str, Any]] = []  # of a file that asks which one is meant
        self.fields["title"].widget.attrs["placeholder"] = kind.title
        limit = f"At most {kind.subtask_seconds_max:g}, which is this kind's own limit."
        self.fields["subtask_seconds_max"].help_text = limit
        if not leads:
            offered: Any = self.fields["priority"]
            offered.choices = [choice for choice in offered.choices if choice[0] != states.HIGH]
            if self.initial.get("priority") == states.HIGH:
                self.initial["priority"] = states.NORMAL
        self._add_params()

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
            most = settings.UPLOAD_BYTES_MAX
            accept = {"accept": ",".join(self.kind.file_suffixes), "data-bytes-max": most}
            self.fields["file"] = forms.FileField(
                required=False, widget=forms.FileInput(attrs=accept)
            )
            self._add_file_params()

    def _add_file_params(self) -> None:
        """What may be said beside a file: left empty as long as the file leaves nothing open."""
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
        """Whether anything about reading the file is asked, chosen or wrong."""
        return bool(self.choices) or any(
            field.errors or field.value() for field in self.file_param_fields
        )

    def offer(self, choices: Mapping[str, list[str]]) -> None:
        """Have people choose from these values of params beside the file, instead of typing one."""
        self.choices = {
            name: values for name, values in choices.items() if FILE_PARAM + name in self.fields
        }
        for name, values in self.choices.items():
            own = self[FILE_PARAM + name].value()
            known = [*values, *([own] if own and own not in values else [])]
            offered = [("", "–"), *((value, value) for value in known)]
            self.fields[FILE_PARAM + name].widget = forms.Select(
                choices=offered, attrs={"class": "input"}
            )

    @property
    def has_refill(self) -> bool:
        """Whether input of an older task is filled in."""
        return any(name.startswith(PARAM) for name in self.initial)

    @property
    def lost_file(self) -> str:
        """The name of a file that came with the form: a page cannot give it back to the browser."""
        return str(getattr(self.files.get("file"), "name", ""))

    @property
    def params(self) -> dict[str, Any]:
        """The kind's input as far as it was given; what was left empty is the kind's own default."""
        prefix = FILE_PARAM if self.cleaned_data.get("file") else PARAM
        found = self.cleaned_data.items()
        given = {
            name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)
        }
        if prefix == FILE_PARAM:  # what was typed besides is the kind's to refuse
            given |= {
                name.removeprefix(PARAM): value for name, value in found if name.startswith(PARAM)
            }
        return {name: value for name, value in given.items() if value not in (None, "", [])}

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
        plain = ("title", "description", "priority", "allow_partial", "subtask_seconds_max", "key")
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
        """Of all that was given. Who goes back in his browser, changes something and sends it means
        another task.
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

    def take(self, error: FirmlightError) -> None:
        """A service says `params.limit`; here the field is called otherwise."""
        if error.fields:
            error.fields = {
                self._own(name): [*map(capfirst, said)] for name, said in error.fields.items()
            }
        if isinstance(error, BadInput):
            self.offer(error.choices)
            self.columns = error.columns
        super().take(error)

    def _own(self, name: str) -> str:
        where, _, rest = name.partition(".")
        if where == "deadline":
            return "hours"
        own = [prefix + rest.partition(".")[0] for prefix in (FILE_PARAM, PARAM)]
        return next((name for name in own if where == "params" and name in self.fields), where)
