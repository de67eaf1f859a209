"""The order of a run: what takes longest begins first, so that no process ends long after the
others.

`tests/seconds.json` has the seconds of each file, as they were measured. `pytest --note-seconds`
measures the files that it runs and writes theirs anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTED = ROOT / "tests" / "seconds.json"
UNKNOWN_SECONDS = 5.0  # a file that is not noted may be new


def noted() -> dict[str, float]:
    """The seconds of each file, in one process."""
    return json.loads(NOTED.read_text())


def longest_first(items: list[pytest.Item], scope_of: Callable[[str], str]) -> None:
    """Sort them in place by the seconds of their scope: what has the same one runs together."""
    known = noted()
    files = {item.nodeid.partition("::")[0] for item in items}
    seconds: dict[str, float] = defaultdict(float)
    for file in files:
        seconds[scope_of(file)] += known.get(file, UNKNOWN_SECONDS)
    items.sort(key=lambda item: -seconds[scope_of(item.nodeid)])


class Notes:
    """A plug-in of the process that hears of all tests."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.called: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.partition("::")[0]
        self.seconds[file] += report.duration
        if report.when == "call":
            self.called.add(file)

    def pytest_sessionfinish(self) -> None:
        """Files that are gone are dropped; where every test was skipped, the old figure stays."""
        measured = {file: round(self.seconds[file], 1) for file in self.called}
        merged = noted() | measured
        kept = {file: spent for file, spent in merged.items() if (ROOT / file).exists()}
        rows = sorted(kept.items(), key=lambda row: (-row[1], row[0]))
        NOTED.write_text(json.dumps(dict(rows), indent=1) + "\n")
