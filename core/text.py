"""Names and other texts of people: printable only.

What controls a terminal, turns the direction of writing or is not drawn at all could make a name
look like another one, or change what stands beside it. `firmlight_client.text` says which
characters these are; frames are held to the same by `firmlight_client.protocol`.
"""

from __future__ import annotations

import unicodedata

from django.core.exceptions import ValidationError

from firmlight_client.text import first_unseen, shows_nothing


def check_printable(text: str) -> None:
    """Raise ValidationError if a text on one line holds an unseen character, or nothing else.

    A validator for fields of forms and serializers alike. An empty text is for the field to refuse.
    """
    _check(first_unseen(text))
    if text and shows_nothing(text):
        message = "This shows nothing. Write something that can be seen."
        raise ValidationError(message, code="unprintable")


def check_printable_lines(text: str) -> None:
    """The same for a text of several lines, in which line breaks and tabs may be."""
    _check(first_unseen(text, several_lines=True))


def _check(found: str) -> None:
    if not found:
        return
    name = unicodedata.name(found, "")
    code = f"U+{ord(found):04X} {name}".strip()
    message = f"This holds a character that cannot be seen ({code}). Take it out."
    raise ValidationError(message, code="unprintable")
