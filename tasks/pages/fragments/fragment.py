"""A piece of a page's HTML that can be replaced by itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from django.template.loader import render_to_string


class Fragment(NamedTuple):
    """The HTML of one element; `place` is the id of the element that it lies in."""

    place: str
    html: str


Fragments = dict[str, Fragment]  # by id, each after the one that it lies in


def drawn(template: str, it: Any) -> str:
    """The HTML of a value of ours, which the template calls `it`.

    The indentation of the template is left out; to a browser it is a space.
    """
    lines = [line.strip() for line in render_to_string(template, {"it": it}).split("\n")]
    return " ".join(line for line in lines if line)


# The same value is drawn once, however many people watch. Not for values that are shown with their
# age: "5 minutes ago" changes while the value stays.
html = lru_cache(maxsize=8192)(drawn)
