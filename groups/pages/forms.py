"""Forms of the group pages. They check what can be checked early; services decide."""

from __future__ import annotations

import re

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator

from accounts.models import USERNAME_MAX
from core.text import check_printable
from core.views import PageForm
from groups import states
from groups.codes import CODE_MAX
from groups.models import DESCRIPTION_MAX, NAME_MAX, NAME_MIN, tidy_name

JOINING_WORDS = {
    states.BY_INVITATION: "By invitation only",
    states.BY_ASKING: "Anybody on this server may find the group and ask to join",
}
SUBMITTING_WORDS = {
    states.MEMBERS_SUBMIT: "Every member",
    states.LEADERS_SUBMIT: "The owner and moderators; other members only work",
}
VERIFY_WORDS = {
    states.AS_TASK: "Submitters decide",
    "auto": "At least automatic: mostly what comes from members whose results are not known yet",
    "sample": "At least a sample of every task",
    "all": "Every task as a whole: twice the work",
}
EXCEPTION_WORDS = {
    states.AS_GROUP: "As the group says",
    states.ALWAYS: "May submit",
    states.NEVER: "Only works",
}


def verify_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Check results",
        help_text="Other members' computers compute the same again, so that a wrong result is "
        "noticed. A submitter may ask for more, not for less.",
        choices=list(VERIFY_WORDS.items()),
        widget=forms.RadioSelect,
        required=False,
        initial=states.AS_TASK,
    )


class GroupForm(PageForm):
    name = forms.CharField(
        label="Name",
        max_length=4 * NAME_MAX,
        help_text=f"{NAME_MIN} to {NAME_MAX} characters, different from all other groups.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        label="Description",
        max_length=DESCRIPTION_MAX,
        required=False,
        help_text=f"Up to {DESCRIPTION_MAX} characters.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    joining = forms.ChoiceField(
        label="Who may join",
        choices=list(JOINING_WORDS.items()),
        widget=forms.RadioSelect,
        initial=states.BY_INVITATION,
    )
    submitting = forms.ChoiceField(
        label="Who may submit tasks",
        choices=list(SUBMITTING_WORDS.items()),
        widget=forms.RadioSelect,
        initial=states.MEMBERS_SUBMIT,
    )

    verify_default = verify_field()

    def clean_name(self) -> str:
        """Count the characters as they are stored, and refuse invisible ones."""
        name = tidy_name(self.cleaned_data["name"])
        if not NAME_MIN <= len(name) <= NAME_MAX:
            raise ValidationError(f"A group's name has {NAME_MIN} to {NAME_MAX} characters.")
        check_printable(name)
        return name

    def clean_description(self) -> str:
        description = " ".join(self.cleaned_data["description"].split())
        check_printable(description)
        return description


class ChecksForm(PageForm):
    """What moderators may change, too."""

    verify_default = verify_field()


class InviteForm(PageForm):
    """User names with spaces, commas or line breaks between them."""

    usernames = forms.CharField(
        label="Usernames",
        max_length=60 * USERNAME_MAX,
        help_text="One or more, separated by spaces or commas.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def clean_usernames(self) -> list[str]:
        names = [name for name in re.split(r"[\s,;]+", self.cleaned_data["usernames"]) if name]
        if not names:
            raise ValidationError("Give at least one username.")
        if len(names) > settings.INVITED_AT_ONCE_MAX:
            raise ValidationError(f"At most {settings.INVITED_AT_ONCE_MAX} in one go.")
        return names

    def suggest(self, address: str) -> None:
        """Have htmx fetch suggestions from this address into the <datalist> `people`."""
        self.fields["usernames"].widget.attrs |= {
            "list": "people",
            "hx-get": address,
            "hx-target": "#people",
            "hx-sync": "this:replace",
            "hx-trigger": "input changed delay:200ms",
        }


def last_word(typed: str) -> tuple[str, str]:
    """The text before the name that is being typed, and that name, at most USERNAME_MAX long."""
    end = typed[-4 * USERNAME_MAX :]  # so that a long text costs no time
    found = re.search(rf"[\w.-]{{1,{USERNAME_MAX}}}\Z", end, re.ASCII)
    if found is None:
        return typed, ""
    return typed[: -len(found.group())], found.group()


class LinkForm(PageForm):
    days = forms.IntegerField(label="Good for (days)", min_value=1, initial=7)
    uses = forms.IntegerField(label="For how many people", min_value=1, initial=5)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        for name, most in (("days", settings.LINK_DAYS_MAX), ("uses", settings.LINK_USES_MAX)):
            field = self.fields[name]
            assert isinstance(field, forms.IntegerField)
            field.max_value = most
            field.widget.attrs["max"] = most
            field.validators.append(MaxValueValidator(most))


class CodeForm(PageForm):
    code = forms.CharField(
        label="Code",
        max_length=CODE_MAX,
        help_text="The code that a member gave you.",
        widget=forms.TextInput(
            attrs={
                "class": "input input-mono",
                "autocomplete": "off",
                "placeholder": "7K3M-XQ0D-9VBT",
            }
        ),
    )


class SearchForm(forms.Form):
    """The search in the address: `?q=…`. Long texts are cut, not refused."""

    q = forms.CharField(required=False)

    def words(self) -> str:
        if not self.is_valid():
            return ""
        return self.cleaned_data.get("q", "")[:NAME_MAX].replace("\0", "")
