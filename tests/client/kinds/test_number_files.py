"""Numbers out of files: every format read right, every bad file refused with the place."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds import ParamsError, _packed, _text
from firmlight_client.kinds.mean import Mean
from tests.client.kinds import steady

kind = Mean()
finite = st.floats(allow_nan=False, allow_infinity=False)


def read(content: bytes, name: str, **params: Any) -> list[float]:
    return np.frombuffer(kind.load_file(io.BytesIO(content), name, params).numbers, "<f8").tolist()


def refusal(content: bytes, name: str) -> str:
    with pytest.raises(ParamsError) as refused:
        read(content, name)
    assert refused.value.field == "file"
    return refused.value.message


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def xlsx(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"1,2.5\n-3e2,4\n"),
        ("a.csv", b"x,y\n1,2.5\r\n-3e2,4"),
        ("a.CSV", b'\xef\xbb\xbf"x";"y"\n"1";2.5\n\n-3e2;;4\n'),
        ("a.tsv", b"x\ty\n1\t2.5\n-3e2\t4\n"),
        ("a.txt", b"1 2.5\n\n  -3e2\t4  "),
        ("a.txt", b"1\n2.5\n-300\n+4"),
        ("a.npy", npy(np.array([[1, 2.5], [-300, 4]]))),
        ("a.npy", npy(np.asfortranarray([[1, 2.5], [-300, 4]]).T)),
        ("a.npy", npy(np.array([1, 2.5, -300, 4], ">f4"))),
        ("a.xlsx", xlsx([1, 2.5], [-300, None, 4])),
        ("a.xlsx", xlsx(["x", "y"], [], [1, 2.5], [None, -300, 4])),
    ],
)
def test_all_formats_give_the_numbers_in_order(name, content):
    assert sorted(read(content, name)) == [-300, 1, 2.5, 4]


@steady
@given(
    st.lists(finite, min_size=1),
    st.sampled_from(["\n", ",", ";", " ", "\t", "\r\n"]),
    st.integers(30, 80),
)
def test_text_cut_into_pieces_anywhere_gives_the_same_numbers(values, separator, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_text, "BLOCK_BYTES", size)
        assert read(separator.join(map(repr, values)).encode(), "a.txt") == values


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">u4", "<i8", "<f2", "<f4", ">f8", "<f8"])
def test_npy_of_every_number_type(dtype):
    assert read(npy(np.arange(5).astype(dtype)), "a.npy") == [0, 1, 2, 3, 4]


def test_npy_of_version_two_is_read():
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([1.5]), version=(2, 0))
    assert read(file.getvalue(), "a.npy") == [1.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x,y\n1,2\n3,abc\n", "line 3: 'abc' is not a number"),
        (b"1\n" * 16 + b"abc", "line 17: 'abc' is not a number"),
        (b"1\n2\n\nnan\n", "line 4: 'nan' is not a finite number"),
        (b"1e999", "line 1: '1e999' is not a finite number"),
        (b"1\n-inf", "line 2: '-inf' is not a finite number"),
        (b"x\n1_000", "line 2: '1_000' is not a number"),
        (b"x,y\n1,2\n1,1;5", "line 3: '1;5' is not a number"),
        (b"", "no number"),
        (b"x,y\n", "no number"),
        (b" \n\n", "no number"),
        ("1\n2\n".encode("utf-16"), "it is text in UTF-16; save it as UTF-8"),
        (b"7" * 2000, "is not a number"),
        (b"\x80\x81\x00", "no number"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(content, message):
    assert message in refusal(content, "a.csv")


def test_plain_text_has_no_header():
    assert refusal(b"x\n1\n", "a.txt") == "line 1: 'x' is not a number"


def test_an_endless_cell_is_refused_early():
    assert "is not a number" in refusal(b"1" * 2**20, "a.txt")


@pytest.mark.parametrize(
    "content",
    [
        npy(np.array([1.0, 2.0]))[:-1],
        npy(np.array([1j])),
        npy(np.array([True])),
        npy(np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])),
        npy(np.array(["1"])),
        npy(np.array([object()], dtype=object)),
        npy(np.array([])),
        npy(np.array([1.0, math.nan])),
        npy(np.array([1.0]))[:20],
        b"",
        b"not numpy at all",
        npy(np.array([1.0])).replace(b"(1,)", b"(-1,)"),
        npy(np.array([1.0])).replace(b"(1,), }      ", b"(10**9,), }  "),
        npy(np.array([1.0])).replace(b"(1,), }           ", b"(99999999999,), } "),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"(" * 1000,
        b"\x93NUMPY\x09\x00\x10\x00" + b" " * 16,
    ],
)
def test_a_hostile_or_foreign_npy_is_refused(content):
    assert refusal(content, "a.npy")


def test_a_cut_npy_tells_what_is_missing():
    assert refusal(npy(np.arange(3.0))[:-20], "a.npy") == "it is cut short: 20 bytes are missing"


@pytest.mark.skipif(np.finfo(np.longdouble).maxexp <= 1024, reason="long double is binary64 here")
def test_a_long_double_beyond_range_is_refused():
    assert "not finite" in refusal(npy(np.array([np.longdouble("1e400")])), "a.npy")


def test_cells_of_a_sheet_that_hold_no_number_are_named_with_their_place():
    assert refusal(xlsx([1], ["abc"]), "a.xlsx") == "A2: 'abc' is not a number"
    assert refusal(xlsx([1], [True]), "a.xlsx") == "A2: 'True' is not a number"
    assert refusal(xlsx(["only", "words"]), "a.xlsx") == "there is no number in it"


def test_a_formula_counts_with_its_cached_value():
    content = xlsx([1], ["=A1+1"])
    assert refusal(xlsx(["=1+1"]), "a.xlsx").startswith(
        "formulas without values: A1; open the file"
    )
    with_value = edited(
        content, "xl/worksheets/sheet1.xml", b"<f>A1+1</f><v></v>", b"<f>A1+1</f><v>2</v>"
    )
    with_value = edited(
        with_value, "xl/worksheets/sheet1.xml", b"<f>A1+1</f><v />", b"<f>A1+1</f><v>2</v>"
    )
    assert read(with_value, "a.xlsx") == [1, 2]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"1,2,3"])
def test_what_is_no_workbook_is_refused(content):
    assert refusal(content, "a.xlsx") == "it is not an XLSX workbook"


def test_any_other_zip_is_no_workbook():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert refusal(file.getvalue(), "a.xlsx") == "it is not an XLSX workbook"


@pytest.mark.parametrize("name", ["a.pdf", "a", "", ".npy.exe"])
def test_other_names_are_refused(name):
    assert ".csv, .npy" in refusal(b"1", name)


def test_more_numbers_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(_packed, "NUMBERS_MAX", 3)
    assert (
        refusal(b"1 2 3 4", "a.txt")
        == refusal(npy(np.arange(4.0)), "a.npy")
        == "At most 3 numbers."
    )


def test_numbers_and_a_file_together_are_refused():
    with pytest.raises(ParamsError) as refused:
        kind.load_file(io.BytesIO(b"1"), "a.txt", {"numbers": [1]})
    assert refused.value.field == "numbers"


def edited(content: bytes, member: str, old: bytes | None, new: bytes) -> bytes:
    """The workbook with one member's text replaced (None: the whole sheet data)."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(file, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == member:
                old = (
                    old
                    or data[
                        data.index(b"<sheetData") : data.index(b"</sheetData>")
                        + len(b"</sheetData>")
                    ]
                )
                data = data.replace(old, new)
            target.writestr(name, data)
    return file.getvalue()


# What is left out, and why


MANY = [*[f"line {n} says 'na'" for n in range(2, 22)], "5 more cells say that there is no number"]


def left_out(content: bytes, name: str) -> list[str]:
    skipped: list[str] = []
    kind.load_file(io.BytesIO(content), name, {}, skipped)
    return skipped


@pytest.mark.parametrize(
    ("name", "content", "sentences"),
    [
        ("a.csv", b"1\n2\n", []),
        ("a.csv", b"1\n2", []),
        ("a.csv", b"x;y\n1;2\n", ["line 1 is a heading"]),
        ("a.csv", b"\n\nx\n1\n", ["line 3 is a heading"]),
        ("a.csv", b"1,,2\n\n3\n", ["2 cells are empty"]),
        ("a.csv", b'1\nNA\n"n/a"\n2\n', ["line 2 says 'NA'", "line 3 says 'n/a'"]),
        ("a.txt", b"1 2\n - 3", ["line 2 says '-'"]),
        ("a.npy", npy(np.array([1.0])), []),
        ("a.xlsx", xlsx(["x"], [1], ["N/A"], [2]), ["row 1 is a heading", "A3 says 'N/A'"]),
        (
            "a.csv",
            b"1\n" + b"na\n" * 25,
            [
                *[f"line {n} says 'na'" for n in range(2, 22)],
                "5 more cells say that there is no number",
            ],
        ),
    ],
)
def test_what_is_left_out_of_a_file_is_named(name, content, sentences):
    assert left_out(content, name) == sentences


def test_a_heading_in_a_later_piece_keeps_its_line(monkeypatch):
    monkeypatch.setattr(_text, "BLOCK_BYTES", 4)
    assert left_out(b"heading\n1\nna\n2\n", "a.csv") == ["line 1 is a heading", "line 3 says 'na'"]


def test_a_file_of_nothing_but_gaps_has_no_number():
    assert "there is no number in it" in refusal(b"na\nna\n", "a.csv")
