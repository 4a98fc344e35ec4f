"""Notes that name the line that would read a column otherwise."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.data.column_notes import note_on_dates, note_on_numbers
from bench_suite.data.column_types import ColumnOptions
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.schema import read_types


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (["2024/1/5", "2024/12/31"], 'columns = { x = "date:%Y/%m/%d" } reads them as dates'),
        (["5.1.2024", "31.12.2024"], 'columns = { x = "date:%d.%m.%Y" } reads them as dates'),
        (["1", "2", "3", "?"], r'missing_values = ["?"] would make it numbers'),
        (["1", "2", "3", "?", "-"], r'missing_values = ["?", "-"] would make it numbers'),
        (["01/02/2024"], 'columns = { x = "date:%d/%m/%Y" } reads them as dates ("date:%m/%d/%Y" fits as well)'),
        (["12/31/2024"], 'columns = { x = "date:%m/%d/%Y" } reads them as dates'),
        (["3 Jan 2024", "soon", "5 Feb 2024", "6 Feb 2024"], ' with missing_values = ["soon"] reads them as dates'),
        (
            ["2024-01-02 10:00:00+00", "2024-01-02 10:00 UTC"],
            "others as '2024-01-02 10:00 UTC', to have them read as dates",
        ),
        ([f"{n}:30" for n in range(12)], 'columns = { x = "date:%H:%M" } reads them as times of day'),
        (["5%", "6%"], 'columns = { x = "number" } would make it numbers'),
        (["5%", "6%", "7%", "?"], 'columns = { x = "number" } with missing_values = ["?"] would make it numbers'),
        (["\u221212", "3"], 'columns = { x = "number" } would make it numbers'),
        (["$1,234.50", "$2.00"], 'columns = { x = "number" } with thousands = "," would make it numbers'),
        (["$1,234", "$2,000"], 'with decimal = "," or thousands = "," would make it numbers'),
        (["1 000,5", "2 000,25"], 'with decimal = "," and thousands = " " would make it numbers'),
        (["1'000", "3"], """columns = { x = "number" } with thousands = "'" would make it numbers"""),
        (["(12)", "5"], "write all in one plain form, such as -1234.5, to have them read as numbers"),
        (["1,00,000", "12,000"], "write all in one plain form, such as -1234.5, to have them read as numbers"),
        (["1,5", "2.5"], "write all in one plain form, such as -1234.5, to have them read as numbers"),
        (["\u0663", "\u0664\u0665"], "write all in one plain form, such as -1234.5, to have them read as numbers"),
    ],
)
def test_the_advice_of_a_note_is_the_line_that_helps(values: list[str], advice: str) -> None:
    raw = RawTables({"train": (pa.table({"x": values}),)}, True)
    assert read_types(raw, ColumnOptions(), ["x"], "mine").columns["x"].note.endswith(advice)


@pytest.mark.parametrize(
    "values",
    [
        ["1.2.3", "1.10.12"],
        ["2:1", "3:0"],
        ["a", "b"],
        ["0815", "0816"],
        ["'007", "'008"],
        [str(n) for n in range(20240101, 20240140)],
    ],
)
def test_versions_scores_codes_and_plain_numbers_get_no_note(values: list[str]) -> None:
    raw = RawTables({"train": (pa.table({"x": values}),)}, True)
    assert read_types(raw, ColumnOptions(), ["x"], "mine").columns["x"].note == ""


DAYS = [20240101 + 100 * (n % 12) + n for n in range(24)]


@pytest.mark.parametrize(
    ("values", "textual", "line"),
    [
        ([str(day) for day in DAYS], True, 'columns = { "my day" = "date:%Y%m%d" }'),
        ([f"{day}.0" for day in [*DAYS, 20240101]] + ["NA"], True, 'columns = { "my day" = "date:%Y%m%d.0" }'),
        (DAYS, False, 'columns = { "my day" = "date:%Y%m%d" }'),
        ([*map(float, DAYS), None], False, 'columns = { "my day" = "date:%Y%m%d" }'),
    ],
)
def test_numbers_that_are_dates_get_the_line_that_reads_them(values: list[Any], textual: bool, line: str) -> None:
    raw = RawTables({"train": (pa.table({"my day": values}),)}, textual)
    column = read_types(raw, ColumnOptions(), ["my day"], "mine").columns["my day"]
    assert (column.type, column.note) == (
        "number",
        f"read as a number, although all 24 different values are dates written as YYYYMMDD: {line} reads them as dates",
    )
    statement = line.split('"')[-2]
    stated = read_types(raw, ColumnOptions({"my day": statement}), ["my day"], "mine")
    assert stated.tables["train"]["my day"][0].as_py() == datetime(2024, 1, 1)
    assert stated.columns["my day"].note == ""


def test_names_of_classes_and_groups_are_not_told_to_be_dates() -> None:
    for values in (["31/12/2024", "1/1/2025"], [str(day) for day in DAYS]):
        raw = RawTables({"train": (pa.table({"x": values}),)}, True)
        assert read_types(raw, ColumnOptions(), ["x"], "mine", ["x"]).columns["x"].note == ""


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_column_without_a_value_gets_no_note(kind: pa.DataType) -> None:
    assert note_on_dates("x", pa.array([], kind)) == note_on_numbers("x", pa.array([], kind)) == ""


def test_values_of_a_long_column_are_tried_here_and_there() -> None:
    moments = [datetime(2000, 1, 1) + timedelta(hours=n) for n in range(12_000)]
    note = note_on_dates("x", pa.array([moment.strftime("%d/%m/%Y %H:%M") for moment in moments]))
    assert note.startswith("read as text, although 6000 of the 6000 that were tried of its 12000 different values look")
    assert note.endswith('columns = { x = "date:%d/%m/%Y %H:%M" } reads them as dates')


@pytest.mark.parametrize(
    "form",
    ["%d/%m/%Y", "%b %d, %Y", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S+00", "%H:%M", "%d%m%Y", "%m/%d/%y %H:%M"],
)
def test_the_line_of_a_note_reads_the_column_as_the_moments_that_were_written(form: str) -> None:
    moments = [datetime(2023, 1, 1) + timedelta(days=5 * n, hours=n % 24) for n in range(24)]
    raw = RawTables({"train": (pa.table({"x": [moment.strftime(form) for moment in moments]}),)}, True)
    note = read_types(raw, ColumnOptions(), ["x"], "mine").columns["x"].note
    [line] = re.findall(r"columns = \{.*?\}", note)
    read = read_types(raw, ColumnOptions(**tomllib.loads(line)), ["x"], "mine")
    assert (read.columns["x"].type, read.columns["x"].note) == ("date", "")
    values = read.tables["train"]["x"].to_pylist()
    assert [value.strftime(form) for value in values] == [moment.strftime(form) for moment in moments]
