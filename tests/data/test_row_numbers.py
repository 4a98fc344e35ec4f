"""Columns that only number the rows: by their name and their values, in each file by itself."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bench_suite.data.raw_tables import RawTables
from bench_suite.data.row_numbers import row_number_columns

COUNTED = {
    "columns that number the rows, left out": '`Unnamed: 0`: columns = { "Unnamed: 0" = "number" } would keep it'
}


def raw(*parts: list[Any], name: str = "Unnamed: 0") -> RawTables:
    """Return tables of which the first part is a file of test and the others are files of train."""
    tables = [pa.table({name: part or pa.array([], pa.string()), "x": range(len(part))}) for part in parts]
    return RawTables({"test": (tables[0],), "train": tuple(tables[1:])}, textual=True)


@pytest.mark.parametrize(
    "parts",
    [
        (["0", "1"], ["0", "1", "2"]), (["1", "2"], ["1", "2", "3"]), (["3", "4"], ["0", "1", "2"]), ([0, 1], [0, 1]),
        (["0", "1"], ["0", "1"], ["0", "1", "2"]), (["0", "1"], ["0", "1"], ["2", "3", "4"]), (["7"], [" 0", "1 "]),
        ([0.0, 1.0], [2.0, 3.0]), ([], ["5", "6"]),
    ],
)  # fmt: skip
def test_consecutive_numbers_of_each_file_number_its_rows(parts: tuple[list[Any], ...]) -> None:
    assert row_number_columns(raw(*parts), ()) == (("Unnamed: 0",), COUNTED)


@pytest.mark.parametrize(
    "parts",
    [
        (["0", "2"], ["0", "0"]), (["0", "1"], ["0", "a"]), (["0", "1"], ["0", ""]), (["0", "1"], [0.5, 1.5]),
        ([0, 1], [0, None]), (["0"], ["1"]), (["a", "b"], ["c", "d"]),
    ],
)  # fmt: skip
def test_other_values_are_an_input(parts: tuple[list[Any], ...]) -> None:
    assert row_number_columns(raw(*parts), ()) == ((), {})


def test_rows_that_were_shuffled_are_noted_and_stay() -> None:
    columns, notes = row_number_columns(raw(["5", "3"], ["0", "4"]), ())
    assert columns == ()
    line = 'columns = { "Unnamed: 0" = "ignore" }'
    assert notes == {"inputs that may be numbers of rows": f"`Unnamed: 0`: {line} would leave it out"}


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("Unnamed: 0", True), ("Unnamed: 0.1", True), ("Unnamed: 12", True), ("__index_level_0__", True), ("id", False),
        ("index", False), ("Unnamed", False), ("Unnamed: a", False),
    ],
)  # fmt: skip
def test_only_names_that_pandas_gives_are_looked_at(name: str, numbers: bool) -> None:
    columns, _ = row_number_columns(raw(["0", "1"], ["0", "1"], name=name), ())
    assert columns == ((name,) if numbers else ())


def test_columns_that_are_used_or_stated_are_left_alone() -> None:
    assert row_number_columns(raw(["0", "1"], ["0", "1"]), {"Unnamed: 0"}) == ((), {})
