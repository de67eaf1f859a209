"""Workbooks that spreadsheet programs open though a strict reader would not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from firmlight_client.kinds import _workbook_parts
from tests.client.kinds.test_number_files import read, refusal

PLAIN = (Path(__file__).parent / "cases" / "x09-empty-fill.xlsx").read_bytes()
SHEET, STYLES, BOOK = "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"


def changed(*, rename: Callable[[str], str] = str, **replacements: tuple[str, str, str]) -> bytes:
    """The workbook of one cell, 1.5, with parts renamed and texts of parts replaced: (part, old,
    new).
    """
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(PLAIN)) as source, zipfile.ZipFile(file, "w") as target:
        for name in source.namelist():
            text = source.read(name).decode()
            for part, old, new in replacements.values():
                assert part != name or old in text
                text = text.replace(old, new) if part == name else text
            info = zipfile.ZipInfo(name)
            info.filename = rename(name)
            target.writestr(info, text)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        changed(),
        changed(rename=str.upper),
        changed(rename=lambda name: name.replace("/", "\\")),
        changed(rename=lambda name: "/" + name),
        changed(
            a=(
                BOOK,
                "<sheets>",
                '<bookViews><workbookView xWindow="-1.5" activeTab="9"/></bookViews><sheets>',
            )
        ),
        changed(
            a=(
                BOOK,
                "</sheets>",
                '</sheets><calcPr calcId="x" calcMode="sometimes" iterateDelta="no"/>',
            )
        ),
        changed(
            a=(STYLES, '<sz val="11"/>', '<sz val="eleven"/><family val="99"/><charset val="-1"/>')
        ),
        changed(a=(STYLES, "<borders", '<unknown odd="1"><deep/></unknown><borders')),
        changed(
            a=(
                SHEET,
                "<sheetData>",
                '<sheetViews><sheetView zoomScale="many"/></sheetViews><sheetData>',
            )
        ),
        changed(
            a=("xl/_rels/workbook.xml.rels", "worksheets/sheet1.xml", "/xl/worksheets/sheet1.xml")
        ),
        changed(
            a=("xl/_rels/workbook.xml.rels", "worksheets/sheet1.xml", "worksheets\\sheet1.xml")
        ),
        changed(a=(SHEET, '<row r="1"><c r="A1">', "<row><c>")),
        changed(a=(SHEET, "<v>1.5</v>", "<f>3/2</f><v>1.5</v>")),
        changed(
            a=(SHEET, "<worksheet xmlns=", "<s:worksheet xmlns:s="),
            b=(SHEET, "</worksheet>", "</s:worksheet>"),
            c=(SHEET, "<sheetData>", "<s:sheetData>"),
            d=(SHEET, "</sheetData>", "</s:sheetData>"),
        ),
    ],
)
def test_what_a_spreadsheet_program_opens_is_read(content):
    assert read(content, "a.xlsx") == [1.5]


def with_strings(strings: str, cells: str) -> bytes:
    """A workbook whose sheet has these cells and whose table of shared strings has these."""
    part = "xl/sharedStrings.xml"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    relation = (
        f'<Relationship Id="rId91" Type="{kind}" Target="sharedStrings.xml"/></Relationships>'
    )
    file = io.BytesIO(
        changed(
            a=("xl/_rels/workbook.xml.rels", "</Relationships>", relation),
            b=(SHEET, '<row r="1"><c r="A1"><v>1.5</v></c></row>', cells),
        )
    )
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(part, f"<sst>{strings}</sst>")
    return file.getvalue()


def rows(*cells: str) -> str:
    return "".join(f'<row r="{n}">{cell}</row>' for n, cell in enumerate(cells, 1))


def test_shared_strings_are_headings_and_say_that_there_is_no_number():
    strings = "<si><t>te</t><r><t>mp</t></r><rPh><t>TEMPU</t></rPh></si><si><t>N/A</t></si><si><t>odd</t></si>"
    text = '<c t="s"><v>{}</v></c>'
    number = "<c><v>7</v></c>"
    content = with_strings(strings, rows(text.format(0), number, text.format(1), number))
    assert read(content, "a.xlsx") == read(content, "a.xlsx", column="temp") == [7, 7]
    content = with_strings(strings, rows(text.format(0), number, text.format(2)))
    assert refusal(content, "a.xlsx") == "A3: 'odd' is not a number"


def test_a_shared_string_far_down_the_table_is_found(monkeypatch):
    monkeypatch.setattr("firmlight_client.kinds._workbook_parts.STRINGS_KEPT_MAX", 3)
    strings = "".join(f"<si><t>text {n}</t></si>" for n in range(10)) + "<si><t>n/a</t></si>"
    cells = rows(
        '<c t="s"><v>8</v></c>',
        "<c><v>7</v></c>",
        '<c t="s"><v>10</v></c>',
        '<c t="s"><v>1</v></c>',
    )
    assert refusal(with_strings(strings, cells), "a.xlsx") == "A4: 'text 1' is not a number"
    cells = rows('<c t="s"><v>8</v></c>', "<c><v>7</v></c>", '<c t="s"><v>10</v></c>')
    assert read(with_strings(strings, cells), "a.xlsx", column="text 8") == [7]


def test_blank_texts_are_not_looked_up_one_by_one(monkeypatch):
    monkeypatch.setattr(_workbook_parts, "STRINGS_KEPT_MAX", 3)
    begin, reads = _workbook_parts.Strings.__init__, []

    def begin_and_note(strings, first):
        reads.append(first)
        begin(strings, first)

    monkeypatch.setattr(_workbook_parts.Strings, "__init__", begin_and_note)
    blank = '<c t="s"><v>{}</v></c>'
    cells = rows("<c><v>7</v></c>", *map(blank.format, (9, 0, 9, 0)), "<c><v>8</v></c>")
    assert read(with_strings("<si><t> </t></si>" * 10, cells), "a.xlsx") == [7, 8]
    assert reads == [0]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ('<c t="d"><v>2023-03-15</v></c>', "A2: 2023-03-15 is a date or a time, not a number"),
        (
            '<c t="str"><f>"1.5"</f><v>1.5</v></c>',
            "A2: '1.5' is not a number, but a text; make it a number",
        ),
        ('<c t="e"><v>#DIV/0!</v></c>', "A2: '#DIV/0!' is not a number"),
        ('<c t="inlineStr"><is><t>1,5</t></is></c>', "A2: '1,5' is not a number"),
    ],
)
def test_what_is_no_number_is_named_with_its_cell(cell, message):
    content = changed(a=(SHEET, "</row>", f'</row><row r="2">{cell}</row>'))
    assert refusal(content, "a.xlsx").startswith(message)


def test_an_empty_text_that_a_formula_gave_is_an_empty_cell():
    cell = '<c r="A2" t="str"><f>IF(A1="","",1)</f><v></v></c>'
    assert read(changed(a=(SHEET, "</row>", f'</row><row r="2">{cell}</row>')), "a.xlsx") == [1.5]
