"""Numbers as people write them: read exactly, or asked, but never as other numbers."""

from __future__ import annotations

import csv
import io
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds import ParamsError, _text
from tests.client.kinds import steady
from tests.client.kinds.test_number_files import kind, left_out, read, refusal

MARK = "\ufeff"


def asked(content: bytes | str, name: str = "a.csv", **given_params: str) -> ParamsError:
    data = content.encode() if isinstance(content, str) else content
    with pytest.raises(ParamsError) as refused:
        kind.load_file(io.BytesIO(data), name, given_params)
    assert refused.value.code == "ambiguous_file", refused.value.message
    return refused.value


def numbers(content: str, name: str = "a.csv", **given_params: object) -> list[float]:
    return read(content.encode(), name, **given_params)


def refused(content: str, name: str = "a.csv") -> str:
    return refusal(content.encode(), name)


# One dialect after the other


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1,5;2,5\n", [1.5, 2.5]),
        ("a;b\n1,5;2\n3;4,25\n", [1.5, 2, 3, 4.25]),
        ("a\tb\n1,5\t2,5\n", [1.5, 2.5]),
        ('x\n"1,5"\n', [1.5]),
        ('x;y\n"1.234,5";2\n', [1234.5, 2]),
        ('x,y\n"1,234.5",2\n', [1234.5, 2]),
        ("x;y\n1,234,567;2,5.5\n".replace("2,5.5", "2.5"), [1234567, 2.5]),
        ("x\n1.234.567\n1.234\n", [1234567, 1234]),
        ("x;y\n1.234,5;1.234\n", [1234.5, 1234]),
        ("a;b\n1,5e3;2e-1\n", [1500, 0.2]),
        ("a;b\n1,234E+05;2\n", [123400, 2]),
        ("sep=;\n1,5;2\n", [1.5, 2]),
        ("sep=,\n1,5\n2,5\n".replace("1,5", "1.5,5"), [1.5, 5, 2, 5]),
        ("sep=|\r\na|b\r\n1|2\r\n", [1, 2]),
        ("value\r1.5\r2.5\r", [1.5, 2.5]),
        ("1,2,3\n4,5,6\n", [1, 2, 3, 4, 5, 6]),
        ("1.5,2\n3,4\n", [1.5, 2, 3, 4]),
        ("a,b\n1,2\n3,4\n", [1, 2, 3, 4]),
        ("Q1 2024,Q2 2024\n1,2\n", [1, 2]),
        ("x,2020\n1,2", [1, 2]),
        ("a, b\n1, 2\n3, 4\n", [1, 2, 3, 4]),
        ("1 2 3\n4 5 6\n", [1, 2, 3, 4, 5, 6]),
        ("100 200\n300 400\n", [100, 200, 300, 400]),
        ("Largest depth\n1.5\n2.5\n", [1.5, 2.5]),
        ("-0.5;+1\n.5;1.\n", [-0.5, 1, 0.5, 1]),
        (f"{MARK}value\n7\n", [7]),
    ],
)
def test_a_table_that_says_how_it_is_written_is_read(content, expected):
    assert numbers(content) == expected
    assert numbers(content.replace("\r\n", "\n").replace("\n", "\r\n")) == expected


@pytest.mark.parametrize(
    ("content", "choices"),
    [
        ("1,5\n2,5\n", ["point", "comma"]),
        ("Wert\n1,5\n2,5\n", ["point", "comma"]),
        ("Depth, m\n1,5\n2,5\n", ["point", "comma"]),
        ("1,234\n", ["point", "comma"]),
        ("1\n" * 50_000 + "3,5\n", ["point", "comma"]),
        ("1.5\n" * 50_000 + "3,5\n", ["point"]),
        ("1,5e3\n2,5\n", ["point", "comma"]),
        ("1.234,5\n2.345,5\n", ["point", "comma"]),
        (",5\n,25\n", ["point", "comma"]),
        ("a;b\n1,234;2,345\n", ["point", "comma"]),
        ("Wert\n1,5\nn/a\n2,5\n", ["point", "comma"]),
        ("Probe 1,5 m\n1,5\n2,5\n", ["point", "comma"]),
        ('"1,234","2,345"\n', ["point", "comma"]),
    ],
)
def test_a_comma_that_may_be_decimal_is_asked(content, choices):
    found = asked(content)
    assert (found.field, found.choices) == ("decimal", {"decimal": choices})
    assert found.message.startswith("line ")


def test_the_answer_settles_it():
    assert numbers("Wert\n1,5\n2,5\n", decimal="comma") == [1.5, 2.5]
    assert numbers("1,5\n2,5\n", decimal="point") == [1, 5, 2, 5]
    assert numbers("1.234\n", decimal="comma") == [1234]
    assert numbers("a;b\n1,234;2\n", decimal="comma") == [1.234, 2]
    assert numbers("a;b\n1,234;2\n", decimal="point") == [1234, 2]


@pytest.mark.parametrize(
    "content",
    [
        "1,234,567\n2,345,678\n",
        "1 234\n5 678\n",
        "a;b\n1,5;1,234,567\n",
        "x;y\n1,5;2.5\n",
        "x;y\n2,5;1.234e5\n",
        "x;y\n1,234E+05;1.5\n",
        "x\n1.234.567\n1.5\n",
        "x;y\n1.234.567;1.5\n",
    ],
)
def test_what_no_answer_settles_is_refused_with_the_place(content):
    assert "write" in refused(content)


@pytest.mark.parametrize(
    "cell",
    [
        *("12,5 mg", "12,5mg", "12,5%", "<12,5", "EUR 12,50", "1,5 2", "1,5 2,5"),
        *("1 234,5", "1\u00a0234,5", "1\u202f234,5", "1'234,5", "1’234,5"),
    ],
)
def test_a_comma_within_more_than_a_number_does_not_separate_cells(cell):
    for heading in ("", "Wert\n"):
        sentence = refused(f"{heading}{cell}\n{cell}\n")
        assert "may be one number" in sentence
        assert "sep=," in sentence
    assert "may be one number" in refusal(b"Wert\n1\xa0234,5\n", "a.csv"), "in Latin-1"
    assert numbers("sep=,\nWert\n12,5 mg\n13,7 mg\n") == [12, 13]
    assert numbers("a,b\n12,5 mg\n13,7 mg\n") == [12, 13]


def test_a_decimal_point_where_commas_are_decimal_is_not_called_endless():
    with pytest.raises(ParamsError) as found:
        numbers("x\n1,5\n2.5\n", decimal="comma")
    assert found.value.message == "line 3: '2.5' is not a number"


def test_thousands_in_one_column_are_not_taken_apart_by_an_answer():
    for text in ("1,234\n2,345\n", "1,234,567\n2,345,678\n"):
        with pytest.raises(ParamsError) as found:
            numbers(text, decimal="point")
        assert "may be one number" in found.value.message


# Plain text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1, 2; 3 4", [1, 2, 3, 4]),
        ("1,2,3 4,5", [1, 2, 3, 4, 5]),
        ("1.5,2.5", [1.5, 2.5]),
        ("1.234.567 1.234", [1234567, 1234]),
        ("5 100", [5, 100]),
    ],
)
def test_a_plain_text_that_says_how_it_is_written_is_read(content, expected):
    assert numbers(content, "a.txt") == expected


@pytest.mark.parametrize(
    "content", ["1,5; 2,5", "1,5", "1 2 1,234", "1,5e3 2,5", "1 " * 200_000 + "3,5", ",5 ,25"]
)
def test_a_comma_in_a_plain_text_that_may_be_decimal_is_asked(content):
    assert asked(content, "a.txt").choices == {"decimal": ["point", "comma"]}


@pytest.mark.parametrize("content", ["2 000", "1 234\n2 045,5\n", "1.5\n-12 000.5"])
def test_blanks_between_thousands_of_a_plain_text_are_no_ends_of_numbers(content):
    for said in ({}, {"decimal": "comma"}, {"decimal": "point"}):
        with pytest.raises(ParamsError) as found:
            numbers(content, "a.txt", **said)
        assert "between thousands" in found.value.message
    for plain in ("2;000", "2\n000", "1 0000", "0 012", "1.2 012", "1234 012"):
        assert len(numbers(plain, "a.txt")) == 2


def test_the_answer_settles_a_plain_text():
    assert numbers("1,5; 2,5", "a.txt", decimal="comma") == [1.5, 2.5]
    assert numbers("1,5; 2,5", "a.txt", decimal="point") == [1, 5, 2, 5]
    assert numbers("1, 2,5", "a.txt", decimal="comma") == [1, 2.5]
    assert asked("1.5 2,5", "a.txt").choices == {"decimal": ["point"]}


# Whatever the dialect


CELLS = st.one_of(
    st.integers(-(10**7), 10**7).map(str),
    st.decimals(-(10**6), 10**6, allow_nan=False, allow_infinity=False, places=3).map(str),
    st.floats(-1e9, 1e9, allow_nan=False).map(repr),
)
TABLES = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)
)


def written(rows: list[list[str]], dialect: tuple[str, str, bool, str, bool, bool]) -> bytes:
    """A table in one of many dialects, as a program that knows its dialect would write it."""
    separator, decimal, grouped, ending, heading, quoted = dialect
    table = [[_cell(cell, decimal, grouped) for cell in row] for row in rows]
    if heading:
        table.insert(0, [f"column {chr(97 + n)}" for n in range(len(rows[0]))])
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted or separator == decimal else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=separator, lineterminator=ending, quoting=quoting).writerows(table)
    return text.getvalue().encode()


def _cell(cell: str, decimal: str, grouped: bool) -> str:
    whole, point, rest = cell.partition(".")
    thousands = {".": ",", ",": "."}[decimal]
    if grouped and whole.lstrip("-").isdecimal():
        whole = f"{int(whole):,}".replace(",", thousands) if int(whole) else whole
    return whole + (decimal if point else "") + rest


@steady
@given(
    TABLES,
    st.sampled_from(
        list(
            product(",;\t", ".,", [False, True], ["\n", "\r\n", "\r"], [False, True], [False, True])
        )
    ),
    st.booleans(),
    st.sampled_from(["a.csv", "a.tsv", "a.txt"]),
)
def test_numbers_in_any_dialect_are_read_exactly_or_asked(rows, dialect, mark, name):
    content = (MARK.encode() if mark else b"") + written(rows, dialect)
    expected = [float(cell) for row in rows for cell in row]
    try:
        found = read(content, name)
    except ParamsError as error:
        decimal = {".": "point", ",": "comma"}[dialect[1]]
        if "decimal" in error.choices:
            assert decimal in error.choices["decimal"]
            assert_read_or_refused(content, name, expected, decimal)
        return
    if found != expected:
        assert_is_a_plainer_reading(rows, dialect, found)


def assert_read_or_refused(content: bytes, name: str, expected: list[float], decimal: str) -> None:
    """The right answer never gives other numbers."""
    try:
        found = read(content, name, decimal=decimal)
    except ParamsError:
        return
    assert found == expected


def assert_is_a_plainer_reading(rows: list[list[str]], dialect: tuple, found: list[float]) -> None:
    """A point is decimal unless the file contradicts it: in this one, `1.234` was all that there
    was of thousands.
    """
    _, decimal, grouped, *_ = dialect
    assert decimal == ","
    assert grouped
    plain = [_cell(cell, decimal, grouped) for row in rows for cell in row]
    assert found == [float(cell) for cell in plain]


@steady
@given(TABLES, st.integers(30, 80))
def test_a_table_cut_into_pieces_anywhere_gives_the_same_numbers(rows, size):
    content = written(rows, (";", ".", False, "\r\n", True, False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_text, "BLOCK_BYTES", size)
        assert read(content, "a.csv") == [float(cell) for row in rows for cell in row]


def test_a_heading_longer_than_any_piece_is_a_heading():
    names = ",".join(f"column {n} {'x' * 60}" for n in range(6000))
    assert len(names) > _text.BLOCK_BYTES
    content = names + "\n" + ",".join(map(str, range(6000))) + "\n"
    assert numbers(content) == list(range(6000))
    assert left_out(content.encode(), "a.csv") == ["line 1 is a heading"]


def test_a_table_in_one_endless_line_is_a_list():
    assert numbers(",".join(map(str, range(20_000)))) == list(range(20_000))


def test_an_unclosed_quotation_mark_is_reported():
    assert "quotation mark is not closed" in refused('a\n"1\n' + "2\n" * 100_000)
