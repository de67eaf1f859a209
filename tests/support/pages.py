"""A reader of the pages that a browser gets."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any


class Reader(HTMLParser):
    """Elements in order: (tag, attributes, the text right after it)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.elements:
            tag, attrs, text = self.elements[-1]
            self.elements[-1] = (tag, attrs, text + data)


def read(answer: Any) -> Reader:
    return Reader(answer.content.decode())


def attributes(answer: Any, tag: str, **wanted: str) -> dict[str, str | None]:
    """The attributes of the first `tag` whose attributes are as `wanted`."""
    for name, attrs, _ in read(answer).elements:
        if name == tag and wanted.items() <= attrs.items():
            return attrs
    raise AssertionError(f"No <{tag}> with {wanted}")


def words(answer: Any) -> str:
    """The text of the page, on one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def beside(answer: Any, field: str) -> str:
    """What is said to be wrong with a field, found the way a screen reader finds it: by
    aria-describedby.
    """
    inputs = [attrs for _, attrs, _ in read(answer).elements if attrs.get("name") == field]
    (attrs,) = [one for one in inputs if one.get("aria-invalid") == "true"]
    error = next(
        name for name in str(attrs.get("aria-describedby")).split() if name.endswith("_error")
    )
    found = re.search(rf'id="{error}">(.*?)</div>', answer.content.decode(), re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]*>", " ", found.group(1)).split())
