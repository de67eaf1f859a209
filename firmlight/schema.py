"""What drf-spectacular cannot know of our API.

Errors have one shape (core/errors.py), and only lists that are read are paginated.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema

ERROR = {
    "type": "object",
    "description": (
        "Every error. `code` is stable; `fields` says what is wrong with which part of the input."
    ),
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "fields": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "required": ["code", "message"],
}
CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
RESPONSES = {
    "4XX": {"description": "Refused: see `code`", "content": CONTENT},
    "503": {"description": "The database or Redis does not answer: try again", "content": CONTENT},
}


class Schema(AutoSchema):
    """Only lists that are read are paginated; a list that answers a POST is complete."""

    def _get_paginator(self) -> Any:
        return super()._get_paginator() if self.method == "GET" else None


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: add the error body as a component and as an answer of each operation."""
    result.setdefault("components", {}).setdefault("schemas", {}).setdefault("Error", ERROR)
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"] = {**operation["responses"], **RESPONSES}
    return result
