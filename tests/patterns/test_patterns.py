"""No text that somebody sends may cost more than its length: every pattern of ours gets the worst
there is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.patterns import found, worst

SMALL, LARGE = 2_000, 16_000  # characters: 8 times as many take 8 times as long, or 64 times
GROWTH_MAX = 20
NEGLIGIBLE_SECONDS = 0.005  # of 16,000 characters; what grows with their square takes longer
FIRST_SIZES = (
    20,
    24,
    28,
    32,
    100,
    400,
    SMALL,
    LARGE,
)  # what doubles with each character is seen before it takes for ever
HOPELESS_SECONDS = 0.3

PATTERNS = found.everything()


def use(pattern: re.Pattern[Any], way: str, text: Any) -> None:
    if way in ("sub", "subn"):
        getattr(pattern, way)(text[:0], text)
    elif way == "finditer":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, way)(text)


def seconds(work: Callable[[Any], None], text: Any, runs: int) -> float:
    """Of this thread's processor, so that a busy machine changes little; the least of some runs."""
    took = []
    for _ in range(runs):
        began = time.thread_time()
        work(text)
        took.append(time.thread_time() - began)
    return min(took)


def fault(work: Callable[[Any], None], make: worst.Make) -> str:
    """How its time grows, if it grows faster than the text; else ""."""
    for size in FIRST_SIZES:
        if seconds(work, make(size), runs=1) > HOPELESS_SECONDS:
            return f"{size} characters took more than {HOPELESS_SECONDS} s"
    if seconds(work, make(LARGE), runs=1) < NEGLIGIBLE_SECONDS:
        return ""
    less, more = seconds(work, make(SMALL), runs=3), seconds(work, make(LARGE), runs=3)
    if more < NEGLIGIBLE_SECONDS or more < GROWTH_MAX * less:
        return ""
    return f"{SMALL} characters took {less:.3f} s, {LARGE} took {more:.3f} s"


def first_fault(one: found.Found) -> str:
    """The first text that it takes too long for, and how long; "" if there is none."""
    for way in sorted(one.ways):
        for name, make in worst.texts(one.pattern):
            said = fault(lambda text, way=way: use(one.pattern, way, text), make)
            if said:
                return f"{way} on {name}: {said}"
    return ""


@pytest.mark.parametrize("one", PATTERNS, ids=[one.where for one in PATTERNS])
def test_the_time_of_a_pattern_grows_with_its_text_and_no_faster(one: found.Found) -> None:
    assert not first_fault(one)


@pytest.mark.parametrize(
    "bad",
    [
        r"[\"']?\w*(?:password|token)\s*=",
        r"(a+)+!",
        r"\s+$",
        rb"<meta[^>]*charset",
    ],
)
def test_a_pattern_that_is_not_linear_would_be_found(bad: str | bytes) -> None:
    assert first_fault(found.Found("here", re.compile(bad), frozenset({"search"})))


def test_no_pattern_hides_from_the_search(tmp_path: Path) -> None:
    """As many `re.compile` as the sources have, and those of forms, fields and frames besides."""
    written = [
        f"{file}:{number}"
        for package, folder in found.SOURCES.items()
        for file in found.files(folder / package)
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.search(r"\bre\.compile\(", line)
    ]
    assert len(written) > 5
    seen = {one.where for one in PATTERNS}
    assert {str(Path(where).relative_to(found.ROOT)) for where in written} <= seen
    for file in (
        file for package, folder in found.SOURCES.items() for file in found.files(folder / package)
    ):
        text = file.read_text()
        assert not re.search(r"from re import|import re as|import regex", text), (
            f"{file}: write `import re` here"
        )
