"""Workbooks that mean harm: kilobytes that unpack to more than allowed are refused early."""

from __future__ import annotations

import io
import struct
import zipfile

import openpyxl
import pytest

from firmlight_client.kinds import _sheet, _workbook
from tests.client.kinds.test_number_files import edited, read, refusal, xlsx

NS = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET, STYLES, BOOK = "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"


def with_part(name: str, data: bytes) -> bytes:
    """A small workbook in which one part is replaced, packed."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(xlsx([1]))) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for other in source.namelist():
            target.writestr(other, data if other == name else source.read(other))
    return file.getvalue()


def sheet(inside: bytes, after: bytes = b"") -> bytes:
    return with_part(
        SHEET,
        b"<worksheet " + NS + b"><sheetData>" + inside + b"</sheetData>" + after + b"</worksheet>",
    )


def test_a_sheet_that_unpacks_to_more_than_it_may_is_refused_unread():
    content = sheet(b"<row/>" * (_workbook.SHEET_BYTES_MAX // 6 + 1))
    assert len(content) < 2**20
    assert refusal(content, "a.xlsx") == f"unpacked, {SHEET} has more than 128 MiB"


@pytest.mark.parametrize("part", [STYLES, BOOK, "_rels/.rels", "xl/_rels/workbook.xml.rels"])
def test_no_part_that_says_where_things_lie_may_be_large(part):
    content = with_part(part, b"<x>" + b"<font/>" * (_workbook.PART_BYTES_MAX // 7 + 1) + b"</x>")
    assert refusal(content, "a.xlsx") == f"unpacked, {part} has more than 16 MiB"


@pytest.mark.parametrize("part", [SHEET, STYLES, BOOK])
def test_an_endless_tag_is_refused_before_it_is_looked_at_again_and_again(part):
    content = with_part(part, b'<x y="' + b">" * (_workbook.PART_BYTES_MAX - 20) + b'"/>')
    assert refusal(content, "a.xlsx") == "a tag or a comment in it has more than 512 KiB"


def test_a_sheet_has_no_more_cells_than_it_may(monkeypatch):
    monkeypatch.setattr(_sheet, "CELLS_MAX", 10)
    assert "at most 10 cells" in refusal(sheet(b"<row>" + b"<c/>" * 11 + b"</row>"), "a.xlsx")


def test_a_directory_that_lies_about_sizes_gains_nothing():
    """What is beyond the size that it states is not unpacked, and the check of the part fails."""
    content = bytearray(sheet(b"<row/>" * 1_000_000))
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        length = struct.unpack_from("<H", content, at + 28)[0]
        if content[at + 46 : at + 46 + length] == SHEET.encode():
            struct.pack_into("<I", content, at + 24, 100)
    assert refusal(bytes(content), "a.xlsx") == "it is not an XLSX workbook"


def test_parts_that_are_not_needed_may_be_as_large_as_they_like():
    """Pictures, pivot tables, texts of other sheets: nobody opens them."""
    file = io.BytesIO(xlsx([1.5], [2]))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.png", bytes(2**22))
        archive.writestr("docProps/custom.xml", b"<x/>" * 2**20)
    assert read(file.getvalue(), "a.xlsx") == [1.5, 2]


@pytest.mark.parametrize(
    "rows", [b"<row/>" * 11, b'<row r="1"/>' * 11, b'<row r="1000000000000"><c><v>1</v></c></row>']
)
def test_a_sheet_has_no_more_rows_than_it_may(monkeypatch, rows):
    assert _sheet.ROWS_MAX == 1_048_576, "as in Excel"
    monkeypatch.setattr(_sheet, "ROWS_MAX", 10)
    assert refusal(sheet(rows), "a.xlsx") == "at most 10 rows"


def test_elements_nest_only_so_deep():
    assert (
        refusal(sheet(b"<z>" * 1000 + b"</z>" * 1000), "a.xlsx")
        == "its elements are nested too deeply"
    )


def test_a_cell_is_only_so_long():
    content = sheet(b"<row><c><v>" + b"1" * 50_000 + b"</v></c></row>")
    assert refusal(content, "a.xlsx") == "a cell has more than 40,000 characters"


def test_what_is_no_cell_is_passed_over_without_being_kept():
    after = b"<mergeCells>" + b'<mergeCell ref="A1"/>' * 200_000 + b"</mergeCells>"
    assert read(sheet(b"<row><c><v>7</v></c></row><odd/>", after), "a.xlsx") == [7]


def test_entities_in_a_workbook_do_not_multiply():
    levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "9999999999">{levels}]>'.encode()
    content = edited(xlsx([1]), SHEET, b"<worksheet", bomb + b"<worksheet")
    content = edited(content, SHEET, b"<v>1</v>", b"<v>&l9;</v>")
    assert refusal(content, "a.xlsx") == "it is not an XLSX workbook"


def test_dates_and_texts_are_no_numbers_and_are_shown_as_they_look():
    book = openpyxl.Workbook()
    book.active.append([1])
    book.active.append(["first", "second"])
    book.active["A3"] = 45000
    book.active["A3"].number_format = "yyyy-mm-dd"
    file = io.BytesIO()
    book.save(file)
    assert refusal(file.getvalue(), "a.xlsx") == "A2: 'first' is not a number"
    book.active.delete_rows(2)
    file = io.BytesIO()
    book.save(file)
    assert refusal(file.getvalue(), "a.xlsx") == "A2: 2023-03-15 is a date or a time, not a number"


def test_charts_are_no_sheets():
    book = openpyxl.Workbook()
    book.create_chartsheet(index=0)
    book["Sheet"].append([3])
    file = io.BytesIO()
    book.save(file)
    assert read(file.getvalue(), "a.xlsx") == [3]
