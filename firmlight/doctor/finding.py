"""What a check of the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, MEND = "ok", "note", "mend"


@dataclass(frozen=True)
class Finding:
    """What was found about `name`; `level` MEND fails the examination, `mend` says what to do."""

    name: str
    level: str
    what: str
    mend: str = ""


def passed_or_mend(name: str, passed: bool, what: str, mend: str) -> Finding:
    """A finding that is OK, or else needs `mend`."""
    if passed:
        return Finding(name, OK, what)
    return Finding(name, MEND, what, mend)
