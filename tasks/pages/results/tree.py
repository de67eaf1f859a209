"""A site's pages by their paths: only the rows that are shown are made. Pure.

A folder is named by its path, "/guide/"; those of other hosts begin with the host,
"other.example/guide/"; the root is "". A folder of one page is not made, and one that holds nothing
but one folder is shown together with that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol
from urllib.parse import urlsplit

from tasks.pages.results.shape import Ask

LEVEL_ROWS_MAX = 100  # of one folder at a time
DEPTH_MAX = 12  # deeper folders lie in the last one
SHOWN_CHARS_MAX = 160
SAFE_LINK = re.compile(r"https?://[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
Pieces = list[tuple[str, bool]]  # of a text: whether it is what was searched for


class Linked(Protocol):
    @property
    def links_count(self) -> int: ...


@dataclass(frozen=True)
class Leaf:
    """One page or one error. `steps` are the folders on the way to it, the outermost first."""

    url: str
    steps: tuple[str, ...]
    label: str
    tag: str
    text: str
    is_problem: bool
    page: Linked | None
    q: str = ""

    @cached_property
    def links(self) -> int | None:
        return self.page.links_count if self.page else None

    @property
    def href(self) -> str:
        return link(self.url)

    @property
    def label_pieces(self) -> Pieces:
        return pieces(cut(self.label), self.q)

    @property
    def text_pieces(self) -> Pieces:
        return pieces(cut(self.text), self.q)


@dataclass(frozen=True)
class Folder:
    """A folder of pages; `rows` is None while it is closed."""

    name: str
    label: str
    pages: int
    problems: int
    rows: list[Row] | None = None
    more: int = 0

    @property
    def size(self) -> str:
        return counted(self.pages, self.problems)


Row = Leaf | Folder


def counted(pages: int, problems: int) -> str:
    """1,204 pages, 1 problem"""
    found = []
    if pages or not problems:
        found.append("1 page" if pages == 1 else f"{pages:,} pages")
    if problems:
        found.append("1 problem" if problems == 1 else f"{problems:,} problems")
    return ", ".join(found)


def leaf(url: str, home: str, tag: str, text: str, is_problem: bool, page: Linked | None) -> Leaf:
    """`home` is the host of the site it belongs to."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if not parts.netloc:  # no absolute address, so it is shown as it is
        return Leaf(url, (), url, tag, text, is_problem, page)
    path = parts.path or "/"
    root = "" if parts.netloc == home else parts.netloc
    label = f"{root}{path}?{parts.query}" if parts.query else root + path
    return Leaf(url, tuple(_steps(root, path)), label, tag, text, is_problem, page)


def _steps(root: str, path: str) -> Iterable[str]:
    """The names of the folders on the way to a page.

    A path begins with a slash, so that it is never taken for a host.
    """
    if root:
        yield f"{root}/"
    end = 0
    for _ in range(DEPTH_MAX):
        end = path.find("/", end + 1)
        if end < 0:
            return
        yield root + path[: end + 1]


def branch(leaves: Sequence[Leaf], folder: str, ask: Ask, left: int) -> tuple[list[Row], int]:
    """The rows of a folder, and how many more it has.

    In a search its folders are opened too, as long as there is room for `left` rows.
    """
    rows, more = level(leaves, folder, Ask(ask.q, ask.problems))
    left -= len(rows)
    for i, row in enumerate(rows):
        if isinstance(row, Folder) and ask.searches and left > 0:
            inside, beyond = branch(_within(leaves, row.name), row.name, ask, left)
            rows[i] = Folder(row.name, row.label, row.pages, row.problems, inside, beyond)
            left -= size(inside)
    return rows, more


def size(rows: Iterable[Row]) -> int:
    return sum(1 + size(row.rows or ()) if isinstance(row, Folder) else 1 for row in rows)


def level(leaves: Sequence[Leaf], folder: str, ask: Ask) -> tuple[list[Row], int]:
    """The rows of a folder from `ask.start` on, by path, and how many more there are."""
    own: list[tuple[str, Leaf | list[Leaf]]] = []
    below: dict[str, list[Leaf]] = {}
    inside = _within(leaves, folder)
    depth = 0  # of the folder; the same in all leaves, since steps are one path
    if folder and inside:
        depth = inside[0].steps.index(folder) + 1
    for one in inside:
        if len(one.steps) > depth:
            below.setdefault(one.steps[depth], []).append(one)
        else:
            own.append((one.label, one))
    own += [(name, some if len(some) > 1 else some[0]) for name, some in below.items()]
    own.sort(key=lambda row: row[0])
    page = own[ask.start : ask.start + LEVEL_ROWS_MAX]
    return [_row(what, depth, ask.q) for _, what in page], len(own) - ask.start - len(page)


def _within(leaves: Sequence[Leaf], folder: str) -> Sequence[Leaf]:
    return [one for one in leaves if folder in one.steps] if folder else leaves


def _row(what: Leaf | list[Leaf], depth: int, q: str) -> Row:
    if isinstance(what, Leaf):
        return replace(what, q=q)
    name = _common_folder(what, depth)
    problems = sum(one.is_problem for one in what)
    return Folder(name, cut(name), len(what) - problems, problems)


def _common_folder(leaves: list[Leaf], depth: int) -> str:
    """The innermost folder that all of them lie in; they share the step at `depth`."""
    found = ""
    for steps in zip(*(one.steps[depth:] for one in leaves), strict=False):
        if len(set(steps)) > 1:
            break
        found = steps[0]
    return found


def host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def link(url: str) -> str:
    """The address if it may be a link, else ""."""
    return url if SAFE_LINK.fullmatch(url) else ""


def cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"


def pieces(text: str, q: str) -> Pieces:
    if not q:
        return [(text, False)]
    found = re.split(f"({re.escape(q)})", text, flags=re.IGNORECASE)  # every second one is a match
    return [(piece, i % 2 == 1) for i, piece in enumerate(found) if piece]
