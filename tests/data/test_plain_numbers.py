"""Numbers that are parsed at once are those that the patterns of `number_formats` decide, value for value."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data import schema
from bench_suite.data.column_types import NOT_NUMBERS, ColumnOptions
from bench_suite.data.plain_numbers import plain_numbers
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.schema import read_types

USUAL = ["1", "-2", "2.5", "-0.25", "0", "-0", "1e5", "0.1E-3", ".5", "5.", "12345678901234567890"]
ODD = ["", "NA", "nan", "inf", "Infinity", "1e999", "+1", "+0.5", "01", "-01.5", "00", "0x1F", " 1", "1 ", " ", "1,5",
       "1_0", "a", "-", ".", "-999", "-1.#IND", "1.234", "9223372036854775807", "9223372036854775808"]  # fmt: skip


def decided(parts: list[list[str]], **options: Any) -> Any:
    """Return the column and its values, or the message that refuses it; the first part is of train."""
    tables = [pa.table({"x": pa.array(part, pa.string())}) for part in parts]
    raw = RawTables({"train": (tables[0],), "test": tuple(tables[1:])}, textual=True)
    try:
        typed = read_types(raw, ColumnOptions(**options), ["x"], "mine")
    except DataInvalid as error:
        return str(error)
    columns = {split: table["x"] for split, table in typed.tables.items()}
    return typed.columns["x"], {split: (str(column.type), column.to_pylist()) for split, column in columns.items()}


@pytest.mark.parametrize("options", [{}, {"missing_values": ("-999", "2.5")}, {"decimal": "."}])
def test_the_values_are_those_of_the_patterns(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = random.Random(0)
    columns = [[[value], ["1"]] for value in USUAL + ODD]
    for _ in range(60):
        pool = drawn.sample(USUAL, 3) + drawn.sample(ODD, drawn.randint(0, 2))
        columns.append([[drawn.choice(pool) for _ in range(drawn.randint(0, 6))] for _ in range(3)])
    at_once = [decided(parts, **options) for parts in columns]
    monkeypatch.setattr(schema, "plain_numbers", lambda *_: None)
    by_patterns = [decided(parts, **options) for parts in columns]
    assert [repr(one) for one in at_once] == [repr(one) for one in by_patterns]


@pytest.mark.parametrize(
    ("values", "whole", "read"),
    [
        (["1", "-2"], True, [1, -2]),
        (["1", "", "2.5"], False, [1.0, None, 2.5]),
        (["1", "NA", " 3"], True, [1, None, 3]),
        (["0.5", "-0.5"], False, [0.5, -0.5]),
    ],
)
def test_plain_numbers_need_no_pattern(values: list[str], whole: bool, read: list[float | None]) -> None:
    numeric = plain_numbers([pa.chunked_array([pa.array(values)])], NOT_NUMBERS, False)
    assert numeric is not None
    assert (numeric.whole, numeric.values[0].to_pylist()) == (whole, read)


@pytest.mark.parametrize("values", [["1", "02"], ["-01", "1"], ["1", "inf"], ["1", "a"], ["", ""], ["+1", "2"]])
def test_all_others_are_left_to_the_patterns(values: list[str]) -> None:
    assert plain_numbers([pa.chunked_array([pa.array(values)])], NOT_NUMBERS, False) is None


def test_a_code_after_the_first_thousand_values_makes_codes() -> None:
    values = [str(number) for number in range(1, 3000)]
    assert decided([values, ["1"]])[0].type == "number"
    assert decided([[*values, "007"], ["1"]])[0].type == "category"
    assert decided([values, ["x"]])[0].type == "category"


def test_a_sliced_column_is_read_from_where_it_begins() -> None:
    texts = pa.chunked_array([pa.array(["007", "1", "20", "008"]).slice(1, 2)])
    numeric = plain_numbers([texts], NOT_NUMBERS, False)
    assert numeric is not None
    assert numeric.values[0].to_pylist() == [1, 20]
