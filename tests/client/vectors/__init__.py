"""The test vectors of `docs/reference/vectors/`, made by the real code.

`python -m tests.client.vectors` writes them again. Look at what has changed before you commit it:
workers in other languages were written for what was there. Where the meaning of a kind's payloads
or partials changed, its `version` must change too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "docs" / "reference" / "vectors"


def plain(value: Any) -> Any:
    """The value as JSON can say it: bytes become {"hex": …}."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def written(value: Any, levels: int, indent: str = "") -> str:
    """As JSON. What lies `levels` deep takes one line each, so that diffs show single changes."""
    if levels == 0 or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    deeper = indent + " "
    if isinstance(value, dict):
        lines = [
            f"{json.dumps(name)}: {written(inner, levels - 1, deeper)}"
            for name, inner in value.items()
        ]
        first, last = "{", "}"
    else:
        lines = [written(inner, levels - 1, deeper) for inner in value]
        first, last = "[", "]"
    return f"{first}\n{deeper}" + f",\n{deeper}".join(lines) + f"\n{indent}{last}"


def files() -> dict[str, str]:
    """{name of the file: what should be in it}."""
    from tests.client.vectors import frames, kinds

    return {
        "frames.json": written(frames.made(), levels=2) + "\n",
        "kinds.json": written(kinds.made(), levels=4) + "\n",
    }
