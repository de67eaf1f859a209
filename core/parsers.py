"""Parse requests: JSON of at most JSON_LEVELS_MAX levels, however deep Python could read."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils import json  # strict as RFC 8259: it refuses NaN and Infinity


class TooDeep(ValueError):
    """The JSON has more than JSON_LEVELS_MAX levels."""

    def __init__(self) -> None:
        super().__init__(f"more than {settings.JSON_LEVELS_MAX:,} levels deep")


def read_json(text: str) -> Any:
    """The value of this JSON text. Raises ValueError, which says what is wrong."""
    try:
        value = json.loads(text)
    except RecursionError:  # deeper than Python reads; its limit differs between versions
        raise TooDeep from None
    most = settings.JSON_LEVELS_MAX
    # Counting brackets is quick, and proves most texts harmless.
    may_be_deeper = text.count("[") + text.count("{") > most
    if may_be_deeper and _is_deeper(value, most):
        raise TooDeep
    return value


class JSONBody(JSONParser):
    """Parses a body of JSON. Raises ParseError."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            return read_json(stream.read().decode(encoding))
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None


def _is_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects nest more than `most` levels deep. Level by level, no recursion."""
    level = [value] if isinstance(value, (list, dict)) else []
    for _ in range(most):
        if not level:
            return False
        level = _containers_inside(level)
    return bool(level)


def _containers_inside(containers: list[Any]) -> list[Any]:
    """The lists and objects directly inside of these."""
    found = []
    for one in containers:
        children = one.values() if isinstance(one, dict) else one
        found += [child for child in children if isinstance(child, (list, dict))]
    return found
