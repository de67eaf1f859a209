from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, MEND = "ok", "note", "mend"


@dataclass(frozen=True)
class Finding:
    """What was found of `name`; `level` MEND fails the examination, and `mend` says what to do."""

    name: str
    level: str
    what: str
    mend: str = ""
