"""How the text of requests becomes data: JSON that nests no deeper than JSON_LEVELS_MAX, whatever
Python could read.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils import json  # as RFC 8259 has it: NaN and Infinity are none


class TooDeep(ValueError):
    """JSON of more than JSON_LEVELS_MAX levels."""

    def __init__(self) -> None:
        super().__init__(f"more than {settings.JSON_LEVELS_MAX:,} levels deep")


def read_json(text: str) -> Any:
    """Raises ValueError, which says what is wrong."""
    try:
        value = json.loads(text)
    except RecursionError:  # deeper than Python reads: that differs between versions
        raise TooDeep from None
    most = settings.JSON_LEVELS_MAX
    if text.count("[") + text.count("{") > most and _is_deeper(
        value, most
    ):  # most are not, and counting takes no time
        raise TooDeep
    return value


class JSONBody(JSONParser):
    """A body of JSON. Raises ParseError."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            return read_json(stream.read().decode(encoding))
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None


def _is_deeper(value: Any, most: int) -> bool:
    level: list[Any] = [[value]]
    for _ in range(most + 1):
        level = [
            child for one in level for child in _children(one) if isinstance(child, (list, dict))
        ]
        if not level:
            return False
    return True


def _children(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
