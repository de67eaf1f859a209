"""How bodies of requests become data, for what DRF's own parsers leave open."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class JSONBody(JSONParser):
    """JSON that nests no deeper than Python's reader goes (some 900 levels); more would be an error of ours."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError:
            raise ParseError("This JSON is nested too deeply.") from None
