"""Columns of tables: which are read, which are asked for, and what is left out."""

from __future__ import annotations

import io
import pickle
from typing import Any

import msgspec
import openpyxl
import pytest

from firmlight_client.cli.arguments import parse_params
from firmlight_client.kinds import ParamsError
from tests.client.kinds.test_number_dialects import asked, numbers
from tests.client.kinds.test_number_files import kind, left_out, read, refusal, xlsx

WEATHER = "station,temp,humidity\nA,1.5,80\nB,2.5,\nC,na,70\n"


def understood(content: bytes, name: str, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind.load_file(io.BytesIO(content), name, params, [], found)
    return found


def book(content: bytes, **params: Any) -> list[float]:
    return read(content, "a.xlsx", **params)


def test_several_columns_of_numbers_beside_texts_are_asked():
    found = asked(WEATHER)
    assert (found.field, found.choices) == ("column", {"column": ["temp", "humidity"]})
    station, temp, humidity = found.columns
    assert (station["count"], station["texts"], station["histogram"]) == (0, 3, None)
    assert (temp["count"], temp["min"], temp["max"], temp["missing"]) == (2, 1.5, 2.5, 1)
    assert sum(temp["histogram"]["counts"]) == 2
    assert (humidity["number"], humidity["empty"]) == (3, 1)


@pytest.mark.parametrize("column", ["temp", 2, "2", " temp "])
def test_a_column_is_chosen_by_name_or_number(column):
    assert numbers(WEATHER, column=column) == [1.5, 2.5]
    assert left_out_with(WEATHER, column=column) == [
        "line 1 is a heading",
        "line 4 says 'na'",
        "column 1 (station) is not read: 3 texts",
        "column 3 (humidity) is not read: 2 numbers",
    ]


def left_out_with(content: str, **params: Any) -> list[str]:
    skipped: list[str] = []
    kind.load_file(io.BytesIO(content.encode()), "a.csv", params, skipped)
    return skipped


def test_the_only_column_of_numbers_is_read_and_the_others_are_named():
    content = "station,temp\nA,1.5\nB,2.5\n"
    assert numbers(content) == [1.5, 2.5]
    assert left_out(content.encode(), "a.csv")[1:] == ["column 1 (station) is not read: 2 texts"]


def test_what_a_preview_shows_is_plain_data():
    found = understood(WEATHER.encode(), "a.csv", column="temp")
    assert found["summary"] == [
        ["Separator", "comma"],
        ["Decimal mark", "point"],
        ["Heading", "station, temp, humidity"],
        ["Columns read", "temp"],
    ]
    assert [one["column"] for one in found["columns"] if one["read"]] == ["temp"]
    assert found["choices"] == {"column": ["temp", "humidity"]}
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found)) == found


def test_a_question_crosses_between_processes():
    error = asked(WEATHER)
    same = pickle.loads(pickle.dumps(error))
    assert (same.message, same.field, same.code) == (error.message, error.field, error.code)
    assert (same.choices, same.columns) == (error.choices, error.columns)
    assert msgspec.msgpack.encode(vars(error))


def test_a_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(ParamsError) as found:
        numbers(WEATHER, column="wind")
    assert found.value.field == "column"
    assert found.value.message == "there is no column 'wind'; columns of numbers: temp, humidity"
    assert found.value.choices == {"column": ["temp", "humidity"]}


def test_columns_of_one_name_go_by_their_numbers():
    content = "x,t,t\na,1,2\nb,3,4\n"
    assert asked(content).choices == {"column": ["2", "3"]}
    with pytest.raises(ParamsError) as found:
        numbers(content, column="t")
    assert found.value.choices == {"column": ["2", "3"]}
    assert numbers(content, column=3) == [2, 4]


def test_a_text_within_numbers_is_an_error_and_no_text_column():
    assert "line 3: 'abc' is not a number" in refusal(b"x,y\n1,2\n3,abc\n", "a.csv")
    assert "line 4: 'abc' is not a number" in refusal(b"s,t\na,1\nb,2\nc,abc\n", "a.csv")
    with pytest.raises(ParamsError) as found:
        numbers("x,y\n1,2\n3,abc\n", column="y")
    assert found.value.message == "line 3: 'abc' is not a number"
    assert numbers("x,y\n1,2\n3,abc\n", column="x") == [1, 3]


def test_a_column_is_called_by_what_a_command_line_takes_for_a_name():
    content = "compound,0.50,null,x y\na,1,2,3\nb,4,5,6\n"
    for label in asked(content, heading="yes").choices["column"]:
        (given,) = parse_params([f"column={label}"]).values()
        assert len(numbers(content, heading="yes", column=given)) == 2


def test_a_number_that_names_another_column_is_asked():
    content = "well,1,2,3\na,10,20,30\nb,11,21,31\n"
    assert asked(content, heading="yes").choices == {"column": ["#2", "#3", "4"]}
    assert asked(content, heading="yes", column="2").choices == {"column": ["#2", "#3"]}
    assert numbers(content, heading="yes", column="#2") == [10, 11]
    assert numbers(content, heading="yes", column="#3") == [20, 21]
    assert numbers(content, heading="yes", column=4) == [30, 31]


def test_a_row_that_may_be_a_heading_is_asked():
    content = "country,2019,2020\nDE,1,2\nFR,3,4\n"
    assert asked(content, column="2").choices == {"heading": ["yes", "no"]}
    assert numbers(content, heading="yes", column="2020") == [2, 4]
    assert numbers(content, heading="no", column=3) == [2020, 2, 4]


def test_a_heading_with_numbers_is_taken_off_once_where_another_column_has_commas():
    assert numbers("Temp;2020\n2,5;7\n3,5;8\n", column="2020") == [7, 8]


def test_a_comma_in_another_column_does_not_matter():
    content = "place;order;temp\nKiel;1.234.567;1.5\nBonn;2.345.678;2.5\n"
    assert numbers(content, column="temp") == [1.5, 2.5]


def test_a_decimal_comma_in_another_column_settles_what_a_point_means():
    content = "day;sales;temp\n01.01.;1.234;2,5\n02.01.;3.456;2,75\n"
    assert numbers(content, column="sales") == [1234, 3456]
    assert numbers(content.replace("1.234", "1.5"), column="sales") == [1.5, 3.456]
    unclear = content.replace("2,5", "2,500").replace("2,75", "2,750")
    assert asked(unclear, column="sales").choices == {"decimal": ["point", "comma"]}
    assert numbers(unclear.replace(".234", "").replace(".456", ""), column="sales") == [1, 3]


def test_what_does_not_apply_to_a_file_is_refused():
    for name, content, params in [
        ("a.csv", b"1\n", {"sheet": "S1"}),
        ("a.npy", b"", {"column": 1}),
        ("a.xlsx", b"", {"decimal": "comma"}),
        ("a.csv", b"1\n", {"colour": "red"}),
        ("a.csv", b"1\n", {"decimal": "dot"}),
    ]:
        with pytest.raises(ParamsError) as found:
            read(content, name, **params)
        assert found.value.field == next(iter(params))


def test_many_columns_are_looked_at_in_linear_time():
    """A name is looked up once, not once for each of the others."""
    names = ",".join(f"c{n}" for n in range(16_000))
    row = "x," + ",".join(map(str, range(1, 16_000)))
    assert len(asked(f"{names}\n{row}\n{row}\n").choices["column"]) == 15_999


# Workbooks


def saved(workbook: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def test_columns_of_a_sheet_are_chosen_too():
    content = xlsx(["station", "temp", "wind"], ["A", 1.5, 3], ["B", 2.5, 4])
    with pytest.raises(ParamsError) as found:
        book(content)
    assert found.value.choices == {"column": ["temp", "wind"]}
    assert book(content, column="temp") == [1.5, 2.5]
    assert book(content, column=3) == [3, 4]


def test_formulas_that_were_never_computed_are_named_with_their_cells():
    content = xlsx(["a", "b"], [1, "=A2*10"], [2, "=A3*10"])
    assert "formulas without values: B2, B3;" in refusal(content, "a.xlsx")
    assert book(content, column="a") == [1, 2]
    many = xlsx(*([n, f"=A{n}*10"] for n in range(1, 31)))
    assert "B20 and 10 more; open the file" in refusal(many, "a.xlsx")


def test_a_hidden_sheet_is_read_only_if_it_is_asked_for():
    workbook = openpyxl.Workbook()
    workbook.active.append([999])
    workbook.active.sheet_state = "hidden"
    workbook.create_sheet("S2").append([1.5])
    content = saved(workbook)
    assert book(content) == [1.5]
    assert left_out(content, "a.xlsx") == ["sheet 'Sheet' is hidden and not read"]
    assert book(content, sheet="Sheet") == [999]
    assert understood(content, "a.xlsx")["summary"][0] == ["Sheet", "S2"]


def test_several_sheets_with_numbers_are_asked():
    workbook = openpyxl.Workbook()
    workbook.active.append([3])
    workbook.create_sheet("notes").append(["text"])
    workbook.create_sheet("more").append([4])
    content = saved(workbook)
    with pytest.raises(ParamsError) as found:
        book(content)
    assert (found.value.code, found.value.choices) == (
        "ambiguous_file",
        {"sheet": ["Sheet", "more"]},
    )
    assert book(content, sheet="MORE") == book(content, sheet=3) == [4]
    with pytest.raises(ParamsError) as found:
        book(content, sheet="S9")
    assert found.value.choices == {"sheet": ["Sheet", "notes", "more"]}


def test_if_only_hidden_sheets_have_numbers_it_is_asked():
    workbook = openpyxl.Workbook()
    workbook.active.append(["see the other sheet"])
    workbook.create_sheet("data").append([4])
    workbook["data"].sheet_state = "veryHidden"
    with pytest.raises(ParamsError) as found:
        book(saved(workbook))
    assert found.value.choices == {"sheet": ["data"]}


def test_a_column_of_dates_is_a_column_of_texts():
    workbook = openpyxl.Workbook()
    workbook.active.append(["day", "temp"])
    for day in (45000, 45001):
        workbook.active.append([day, day / 10])
        workbook.active.cell(workbook.active.max_row, 1).number_format = "yyyy-mm-dd"
    content = saved(workbook)
    assert book(content) == [4500, 4500.1]
    with pytest.raises(ParamsError) as found:
        book(content, column="day")
    assert found.value.message == "A2: 2023-03-15 is a date or a time, not a number"


def test_hidden_rows_are_read_and_mentioned():
    workbook = openpyxl.Workbook()
    for value in (1, 2, 3):
        workbook.active.append([value])
    workbook.active.row_dimensions[2].hidden = True
    content = saved(workbook)
    assert book(content) == [1, 2, 3]
    assert ["Hidden rows", "1, read like the others"] in understood(content, "a.xlsx")["summary"]


def test_hidden_columns_are_read_and_mentioned():
    workbook = openpyxl.Workbook()
    workbook.active.append(["a", "b"])
    workbook.active.append([1, 2])
    workbook.active.column_dimensions["B"].hidden = True
    content = saved(workbook)
    assert book(content) == [1, 2]
    hidden_columns = ["Hidden columns", "b, read like the others"]
    assert hidden_columns in understood(content, "a.xlsx")["summary"]
    assert hidden_columns not in understood(content, "a.xlsx", column="a")["summary"]


def test_gaps_beyond_those_that_are_named_are_counted(monkeypatch):
    monkeypatch.setattr("firmlight_client.kinds._text.BLOCK_BYTES", 64)
    content = "x\n" + "1\nna\n2.5\nN/A\n" * 50
    assert numbers(content) == [1, 2.5] * 50
    assert left_out(content.encode(), "a.csv")[-1] == "80 more cells say that there is no number"
