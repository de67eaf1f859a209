"""What people read agrees with the program."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

import firmlight
import firmlight_client

ROOT = Path(settings.BASE_DIR)
TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "client/README.md")
PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made as GitHub makes them."""
    headings = (found["text"] for found in HEADING.finditer(FENCE.sub("", page.read_text())))
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def dead_links(page: Path) -> list[str]:
    """The relative links of a page that lead to no file, or to no heading of it."""
    dead = []
    for found in LINK.finditer(FENCE.sub("", page.read_text())):
        target, _, anchor = found["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / target).resolve() if target else page
        is_there = file.exists() and file.is_relative_to(ROOT)
        if not is_there or (anchor and anchor not in anchors(file)):
            dead.append(found["target"])
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_no_dead_link(page):
    assert dead_links(page) == []


def test_a_dead_link_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "there.md").write_text("# A heading: `code`, too\n")
    page = tmp_path / "page.md"
    good = "[a](there.md) [b](there.md#a-heading-code-too) [c](https://example.org/x) [d](#top)"
    page.write_text(f"# Top\n{good}\n[e](gone.md) [f](there.md#gone) [g](../outside.md)\n")
    assert dead_links(page) == ["gone.md", "there.md#gone", "../outside.md"]


def test_the_files_from_submit_to_deliver_exist_and_each_is_named_once():
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    walk = page.partition("## From submit to deliver\n")[2].partition("\n## ")[0]
    files = re.findall(r"^\| [^|]*\| `([^`]+)` \|", walk, re.MULTILINE)
    assert len(files) > 15
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert {count for name, count in Counter(re.findall(r"[\w/]+\.(?:py|lua)", walk)).items()} == {
        1
    }


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    latest = re.findall(r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    server, client = firmlight.__version__, firmlight_client.__version__
    assert {server, client, latest} == {project["version"]}
    wheel = re.compile(r"firmlight_client-([\d.]+)-py3")
    named = {found for page in PAGES for found in wheel.findall(page.read_text())}
    assert named == {project["version"]}


def test_the_client_has_the_same_licence():
    """It is installed alone, so it carries a copy."""
    assert (ROOT / "client" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_every_setting_is_listed():
    source = "".join(path.read_text() for path in (ROOT / "firmlight" / "settings").glob("*.py"))
    names = set(re.findall(r'(?:number|whole|beside|env\.\w+)\(\s*"([A-Z_]+)"', source))
    listed = set(
        re.findall(r"[A-Z_]{4,}", (ROOT / "docs" / "reference" / "settings.md").read_text())
    )
    assert names
    assert names <= listed, sorted(names - listed)
