"""Texts that keep a pattern busy, made from its own parse tree: what each of its repeats repeats,
again and again.

A pattern that backtracks badly does so on a long run of what one of its repeats takes, after the
words that lead there, where in the end it does not fit (Weideman et al., "Analyzing Matching Time
Behavior of Backtracking Regular Expression Matchers by Using Ambiguity of NFA", CIAA 2016). All
these are tried, and some common ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from re import _constants as codes  # type: ignore[attr-defined]  # the parser of the standard library has no other way in
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

COMMON = ("a", "0", " ", "\n", "a ", "a.", "[", '"', "<a ", "é", "\0")
ENDS = ("", "!\0")
Make = Callable[[int], Any]
Tree = Any


def texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, Make]]:
    """(what it is, make(n): about n characters, or bytes) of every text to try."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    is_bytes = isinstance(pattern.pattern, bytes)
    for lead, unit in sorted(_pairs(tree)):
        for end in ENDS:
            yield f"{lead!r} + {unit!r} × n + {end!r}", _maker(lead, unit, end, is_bytes)


def _pairs(tree: Tree) -> set[tuple[str, str]]:
    """(what leads there, what is repeated)."""
    inner = {(lead, unit) for lead, unit in _repeated(tree, "") if unit}
    units = {unit for _, unit in inner}
    leads = {lead for lead, _ in inner}
    together = {("", lead + unit) for lead in leads for unit in units}
    return inner | together | {("", unit) for unit in units | set(COMMON) | {_sample(tree)} if unit}


def _repeated(tree: Tree, lead: str) -> Iterator[tuple[str, str]]:
    """Of each repeat, however deep: a text that leads to it, and samples of what it takes."""
    for code, value in tree:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            least, _, body = value
            for unit in _samples(body):
                yield lead, unit
            yield from _repeated(body, lead)
            lead += _sample(body) * least
        else:
            for part in _parts(code, value):
                yield from _repeated(part, lead)
            lead += _sample([(code, value)])


def _parts(code: Any, value: Any) -> list[Tree]:
    if code is codes.SUBPATTERN:
        return [value[3]]
    if code is codes.BRANCH:
        return list(value[1])
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    return [value] if code is codes.ATOMIC_GROUP else []


def _samples(tree: Tree) -> set[str]:
    """Several, where a set or a branch has several."""
    if len(tree) == 1:
        code, value = tree[0]
        if code is codes.IN:
            return {_of_set(value), *(char for char in map(_of_item, value) if char)}
        if parts := _parts(code, value):
            return {sample for part in parts for sample in _samples(part)}
    return {_sample(tree)}


def _sample(tree: Tree) -> str:
    """One text that it takes; lookarounds and the like are passed over."""
    return "".join(_one(code, value) for code, value in tree)


def _one(code: Any, value: Any) -> str:
    if code is codes.LITERAL:
        return chr(value)
    if code is codes.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    if code is codes.ANY:
        return "a"
    if code is codes.IN:
        return _of_set(value)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return _sample(value[2]) * value[0]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return ""
    parts = _parts(code, value)
    return _sample(parts[0]) if parts else ""


CATEGORIES = {codes.CATEGORY_DIGIT: "0", codes.CATEGORY_SPACE: " ", codes.CATEGORY_WORD: "a"}


def _of_item(item: Any) -> str:
    code, value = item
    if code is codes.LITERAL:
        return chr(value)
    if code is codes.RANGE:
        return chr(value[0])
    return CATEGORIES.get(value, "") if code is codes.CATEGORY else ""


def _of_set(items: Any) -> str:
    """A character that the set takes; of a set that is turned round, the first common one it does
    not name.
    """
    if items[0][0] is not codes.NEGATE:
        return next((char for char in map(_of_item, items) if char), "!")
    named = {_of_item(item) for item in items}
    return next(char for char in "a0 -.x" if char not in named)


def _maker(lead: str, unit: str, end: str, is_bytes: bool) -> Make:
    def make(size: int) -> Any:
        text = lead + unit * max(1, size // len(unit)) + end
        return text.encode("utf-8", "replace") if is_bytes else text

    return make
