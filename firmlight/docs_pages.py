"""The documentation as pages: the Markdown files of docs/, read once.

Raw HTML in them stays text, and links from one file to another lead from page to page. A file is
found only in the list made at the start, so that no address reads anything else.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDERS = {
    "start": "Start",
    "how-to": "How to",
    "reference": "Reference",
    "explanation": "How it works",
    "decisions": "Decisions",
}
SCROLLABLE = {  # what may be wider than the page can be scrolled by keyboard, too
    "<pre>": '<pre tabindex="0">',
    "<table>": '<div class="scroll" tabindex="0"><table>',
    "</table>": "</table></div>",
}
IMAGES = "docs/images"  # where static files have docs/images; in firmlight/settings/site.py


@dataclass(frozen=True)
class Document:
    """`slug` is its path below docs/ without ".md"; `folder` the first part of that, or ""."""

    slug: str
    title: str
    path: Path

    @property
    def folder(self) -> str:
        return self.slug.rpartition("/")[0]


@cache
def library() -> dict[str, Document]:
    """{slug: document}, in the order of their names. An installation without docs/ has none."""
    root = Path(settings.BASE_DIR) / "docs"
    found = sorted(root.rglob("*.md"))
    return {one.slug: one for one in (_document(root, path) for path in found)}


def _document(root: Path, path: Path) -> Document:
    slug = path.relative_to(root).with_suffix("").as_posix()
    heading = next(
        (line for line in path.read_text().splitlines() if line.startswith("# ")), f"# {slug}"
    )
    return Document(slug, heading.removeprefix("# ").strip(), path)


def shelves() -> list[tuple[str, list[Document]]]:
    """The documents by folder, for the first page; folders without any are left out."""
    books = [one for one in library().values() if not one.slug.endswith("README")]
    by_folder = [
        (title, [one for one in books if one.folder == folder]) for folder, title in FOLDERS.items()
    ]
    return [(title, found) for title, found in by_folder if found]


@cache
def html(slug: str) -> SafeString:
    """The document as HTML without its first heading, which the page has already."""
    document = library()[slug]
    text = document.path.read_text().replace(f"# {document.title}\n", "", 1)
    # The renderer escapes everything it is given, so all tags are its own.
    made = _markdown().render(text, {"slug": slug})
    for plain, scrollable in SCROLLABLE.items():
        made = made.replace(plain, scrollable)
    return SafeString(made)


@cache
def _markdown() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.core.ruler.push("addresses", lambda state: _each(state.tokens, state.env))
    return reader


def _each(tokens: Sequence[Token], env: Any) -> None:
    for token in tokens:
        _fit(token, env["slug"])
        _each(token.children or (), env)
    _unlink(tokens)


def _unlink(tokens: Sequence[Token]) -> None:
    """Make plain text of links to files that are no documents.

    The server does not show those, the sources for example.
    """
    ends = []
    for token in tokens:
        if token.type == "link_open":
            ends.append("a" if token.attrs.get("href") else "span")
            token.attrs = token.attrs if token.attrs.get("href") else {}
            token.tag = ends[-1]
        elif token.type == "link_close":
            token.tag = ends.pop()


def _fit(token: Token, slug: str) -> None:
    """Our addresses instead of paths; alignment by class, since the policy allows no style."""
    if token.type == "link_open":
        token.attrSet("href", address(str(token.attrGet("href")), slug))
    elif token.type == "image":
        token.attrSet("src", picture(str(token.attrGet("src"))))
    elif token.tag == "h1":
        token.tag = "h2"  # the page's one h1 is the title
    elif token.type in ("th_open", "td_open") and token.attrs.pop("style", ""):
        token.attrSet("class", "n")


def address(href: str, slug: str) -> str:
    """The address that a link of this document leads to, or "".

    A path becomes the address of our page; what is an address already stays.
    """
    target, _, part = href.partition("#")
    if "://" in href or not target:
        return href
    path = posixpath.normpath(posixpath.join(posixpath.dirname(slug), target)).removesuffix(".md")
    if path in library():
        return reverse("page:document", args=(path,)) + (f"#{part}" if part else "")
    return reverse("page:docs") if path == "." else ""


def picture(src: str) -> str:
    return static(f"{IMAGES}/{posixpath.basename(src)}")
