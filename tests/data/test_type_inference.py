"""The type of a column, decided from its texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.data.column_types import ColumnOptions
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.schema import read_types

Typed = Callable[..., tuple[str, list[Any]]]


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["1", "2"], "number", [1, 2]),
        (["1", "2.5"], "number", [1.0, 2.5]),
        (["1", "NA", ""], "number", [1, None, None]),
        (["-1.5e3", ".5", "+2"], "number", [-1500, 0.5, 2]),
        (["01", "2"], "category", ["01", "2"]),
        (["1", "x"], "category", ["1", "x"]),
        (["a", "", "NA"], "category", ["a", None, "NA"]),
        (["true", "False", ""], "truth value", [True, False, None]),
        (["2024-01-02", "9999-12-31"], "date", [datetime(2024, 1, 2), datetime(9999, 12, 31)]),
        (["2024-01-02T10:00:00Z", "2024-01-02 12:00+02:00"], "date", [datetime(2024, 1, 2, 10)] * 2),
        (["", ""], "empty", [None, None]),
        (["1.5", " ", " NA", "None", "<NA>"], "number", [1.5, None, None, None, None]),
        (["1 000", "2"], "category", ["1 000", "2"]),
        (["0x1F", "2"], "category", ["0x1F", "2"]),
    ],
)
def test_the_texts_of_a_column_decide_its_type(typed: Typed, values: list[str], kind: str, read: list[Any]) -> None:
    assert typed(values) == (kind, read)


def test_names_of_classes_stay_the_text_that_stands() -> None:
    raw = RawTables({"train": (pa.table({"x": ["1.1", "1.10", " ", "2.0"]}),)}, True)
    read = read_types(raw, ColumnOptions(), ["x"], "mine", ["x"], ["x"])
    assert read.tables["train"]["x"].to_pylist() == ["1.1", "1.10", None, "2.0"]
    stored = RawTables({"train": (pa.table({"x": pa.array([datetime(2024, 1, 2)])}),)}, False)
    assert read_types(stored, ColumnOptions(), ["x"], "mine", ["x"]).tables["train"]["x"].to_pylist() == ["2024-01-02"]
