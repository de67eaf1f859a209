"""Forms of the account pages. They check what can be checked early; services decide."""

from __future__ import annotations

from django import forms

from accounts.models import USERNAME_MAX, USERNAME_MIN, WorkerToken, check_username
from core.text import check_printable
from core.views import PageForm, Password, password_field

USERNAME_HINT = (
    f"{USERNAME_MIN} to {USERNAME_MAX} characters: letters, digits, and _ - . What others see."
)


def username_field() -> forms.CharField:
    widget = forms.TextInput(
        attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
    )
    return forms.CharField(
        label="Username",
        max_length=USERNAME_MAX,
        validators=[check_username],
        widget=widget,
        help_text=USERNAME_HINT,
    )


def email_field(hint: str = "") -> forms.EmailField:
    widget = forms.EmailInput(attrs={"autocomplete": "email"})
    return forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=widget,
        help_text=hint,
        validators=[check_printable],
    )


class RegisterForm(PageForm):
    username = username_field()
    email = email_field("Only you and the moderators of this server see it.")
    password = password_field(
        "Password", now=False, hint="8 characters or more. A few unrelated words are good."
    )


class LoginForm(PageForm):
    login = forms.CharField(
        label="Username or e-mail",
        max_length=254,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = password_field("Password")


class ForgottenForm(PageForm):
    email = email_field("The address of your account.")


class NewPasswordForm(PageForm):
    """For the link of an e-mail."""

    password = password_field("New password", now=False, hint="8 characters or more.")


class UsernameForm(PageForm):
    username = username_field()


class EmailForm(PageForm):
    email = email_field()
    password = password_field("Your password")


class PasswordForm(PageForm):
    old_password = password_field("Current password")
    new_password = password_field(
        "New password", now=False, hint="8 characters or more. Your other sessions end."
    )


class TokenForm(PageForm):
    name = forms.CharField(
        label="Name of the machine",
        max_length=WorkerToken._meta.get_field("name").max_length,
        validators=[check_printable],
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "laptop"}),
    )


class DeletionForm(PageForm):
    password = forms.CharField(
        label="Your password", max_length=1024, strip=False, widget=Password()
    )


class CodeForm(PageForm):
    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="Eight letters; the terminal shows them.",
        widget=forms.TextInput(
            attrs={
                "class": "input input-mono",
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
            }
        ),
    )
