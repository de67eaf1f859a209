"""What holds for every template, whatever it draws."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = Path(settings.BASE_DIR) / "templates"
LINE_MAX = 180  # the formatter breaks at 100, but a tag of Django cannot be broken
PAGES = sorted(
    path.relative_to(TEMPLATES).as_posix()
    for path in TEMPLATES.rglob("*")
    if path.suffix in (".html", ".svg")
)


def test_there_are_templates_to_look_at():
    assert len(PAGES) > 90


@pytest.mark.parametrize("name", PAGES)
def test_no_line_is_too_long_to_be_reviewed(name):
    lines = (TEMPLATES / name).read_text().splitlines()
    too_long = [number for number, line in enumerate(lines, 1) if len(line) > LINE_MAX]
    assert not too_long, f"{name}: lines {too_long} are longer than {LINE_MAX}"


BUTTON = re.compile(r"<button\b((?:\{%.*?%\}|\{\{.*?\}\}|\"[^\"]*\"|[^>\"])*)>", re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_every_button_says_whether_it_submits(name):
    """Without a type a button submits the form that it happens to stand in."""
    for attributes in BUTTON.findall((TEMPLATES / name).read_text()):
        assert re.search(r'\btype="(submit|button)"', attributes), attributes
