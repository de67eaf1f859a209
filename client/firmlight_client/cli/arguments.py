"""Arguments of the command line, as values.

Every parser raises typer.BadParameter for text that means nothing.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import typer

from firmlight_client.sdk.encoding import iso_time

SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
WORDS_LISTED_MAX = 30
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_params(words: list[str]) -> dict[str, Any]:
    """`key=value` words as params."""
    params: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{word!r} is not key=value")
        if key in params:
            raise typer.BadParameter(f"{key} is given twice")
        params[key] = _value(text)
    return params


def _value(text: str) -> Any:
    """JSON as its value, everything else as the text itself.

    Integers stay exact, and a number that no float can hold stays text.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, allow_nan=False)  # raises ValueError if 1e999 became an infinity
    except ValueError:
        return text
    return value


def _refuse_constant(name: str) -> Any:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)


def as_arguments(choices: Mapping[str, Iterable[str]]) -> str:
    """Choices as key=value words for a shell: "column=temp, column='wind speed'"."""
    words = [f"{name}={value}" for name, values in choices.items() for value in values]
    listed = ", ".join(map(shlex.quote, words[:WORDS_LISTED_MAX]))
    more = len(words) - WORDS_LISTED_MAX
    if more > 0:
        return f"{listed} and {more} more"
    return listed


def parse_deadline(text: str) -> str:
    """A moment as an ISO time in UTC.

    The text is an ISO time (of this machine's zone if it names none), or a span from now: 90s, 10m,
    2h, 1d.
    """
    span = SPAN.fullmatch(text.strip())
    try:
        if span:
            return iso_time(float(span[1]) * SECONDS[span[2]])
        return iso_time(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time: say 90s, 10m, 2h, 1d, or 2030-01-31T18:00"
        ) from None


def parse_memory(mib: int | None) -> int | None:
    """MiB for a slot; 0 is no limit."""
    from firmlight_client.memory import MEMORY_MIB_MIN

    if mib and mib < MEMORY_MIB_MIN:
        raise typer.BadParameter(f"a slot needs {MEMORY_MIB_MIN} MiB at least; 0 is no limit")
    return mib
