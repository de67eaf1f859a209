"""What `firmlight doctor --compute` found, for people: lines of at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from firmlight_client.doctor.compute import COMPARED, FAILED, KNOWN, RIGHT, STOPPED, WRONG, Row
from firmlight_client.text import count, one_line

COLUMNS = 80
STATE_COLUMNS, KIND_COLUMNS, KIND_CHARS_MAX = 12, 17, 30
WORDS_CHARS_MAX = 400
ALL_RIGHT = (
    "Every answer was right. Some faults show only when the machine is hot:",
    "   firmlight doctor --compute --minutes 60",
)
RIGHT_SO_FAR = ("Stopped early. The answers until then were right.",)
NOTHING_TESTED = ("Nothing was tested.",)
COMPUTES_WRONG = (
    "This machine computes wrong. Do not lend it until that is mended: a wrong answer counts as a "
    "lie, whatever it came from. Stop its worker (Ctrl-C, or firmlight service uninstall), then:",
    "1. Take back overclocking, undervolting and memory profiles (XMP, EXPO).",
    "2. Look at the temperatures under load; clean fans and filters.",
    "3. Test the memory overnight with a program that the machine starts instead of its system, "
    "such as Memtest86+, and replace what is bad.",
    "4. Try again, for longer: firmlight doctor --compute --minutes 60",
)
SAME_EVERYWHERE = (
    "All slots gave the same wrong answers, so a library may be the cause: install the client "
    "again in a new environment first."
)
DISAGREE = (
    "The same subtask got different answers, and no answer is known. If it happens again, either "
    "this machine computes wrong, or the kind does not always give the same answer, which its "
    "author knows. Until you know which, let this machine do other kinds only:",
    "   firmlight config set kinds NAME,NAME",
)
BROKE = (
    "What failed gave no answer; the words above say why. Crashes at a different subtask each time "
    "are a sign of bad memory or an unstable processor.",
)


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """A line for those slots of which there is the same to say, and at the end what to do."""
    for (name, version), group in groupby(rows, lambda row: (row.kind, row.version)):
        kind, found = f"{name} {version}", list(group)
        if right := [row for row in found if row.state == RIGHT]:
            yield from _line(RIGHT, kind, f"{_slots(right)}{_right(right)}")
        alike: dict[tuple[str, str], list[Row]] = {}
        for row in found:
            if row.state != RIGHT:
                alike.setdefault((row.state, _not_right(row)), []).append(row)
        for (state, words), same in alike.items():
            yield from _line(state, kind, f"{_slots(same)}{words}")
    yield ""
    for paragraph in _advice(rows):
        is_step = paragraph[1:2] == "."
        yield from _wrapped(paragraph, others="   " if is_step else "")


def _line(state: str, kind: str, words: str) -> list[str]:
    """Three columns; the last one may need several lines."""
    label = f"{state:<{STATE_COLUMNS}}{one_line(kind, KIND_CHARS_MAX):<{KIND_COLUMNS - 1}} "
    return _wrapped(words, label, " " * (STATE_COLUMNS + KIND_COLUMNS))


def _wrapped(words: str, first: str = "", others: str = "") -> list[str]:
    return textwrap.wrap(
        words, COLUMNS, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )


def _right(rows: list[Row]) -> str:
    """Of all slots where one kind is right."""
    answers = count(min(row.answers for row in rows), "answer")
    if rows[0].how == KNOWN:
        return f"{answers} in {max(row.seconds for row in rows):.1f} s"
    if len(rows) == 1:
        return f"{answers}, always the same (none is known)"
    return f"{answers}, the same on each (none is known)"


def _not_right(row: Row) -> str:
    if row.state != WRONG or not row.got:
        return one_line(row.words, WORDS_CHARS_MAX)
    expected = "expected" if row.how == KNOWN else "another was"
    wrong = f"{row.wrong:,} of {count(row.answers, 'answer')}"
    return f"{wrong} wrong. First {row.words}: {expected} {row.expected}, got {row.got}"


def _slots(rows: list[Row]) -> str:
    """Of 1, 2, 3 and 5: "slots 1-3, 5: ". "" if it is about no single slot."""
    numbers = [row.slot for row in rows if row.slot]
    runs = list[list[int]]()
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    if not numbers:
        return ""
    return f"slot {words}: " if len(numbers) == 1 else f"slots {words}: "


def _advice(rows: Sequence[Row]) -> Sequence[str]:
    wrong = [row for row in rows if row.state == WRONG]
    if any(row.how != COMPARED for row in wrong):
        return (*COMPUTES_WRONG, SAME_EVERYWHERE) if _are_alike(rows) else COMPUTES_WRONG
    if wrong:
        return DISAGREE
    if any(row.state == FAILED for row in rows):
        return BROKE
    if not any(row.state == RIGHT for row in rows):
        return NOTHING_TESTED
    return RIGHT_SO_FAR if any(row.words == STOPPED for row in rows) else ALL_RIGHT


def _are_alike(rows: Sequence[Row]) -> bool:
    """Whether all slots got the same first answer wrong, of each kind with a known one wrong."""
    known = [row for row in rows if row.how == KNOWN]
    for kind in {row.kind for row in known if row.state == WRONG}:
        found = [row for row in known if row.kind == kind]
        if len(found) == 1 or len({(row.state, row.words, row.got) for row in found}) > 1:
            return False
    return any(row.state == WRONG for row in known)
