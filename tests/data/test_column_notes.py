"""Notes that name the line that would read a column otherwise."""

from __future__ import annotations

import pyarrow as pa
import pytest

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
        (["5%", "6%"], 'columns = { x = "number" } with decimal or thousands would make it numbers'),
    ],
)
def test_the_advice_of_a_note_is_the_line_that_helps(values: list[str], advice: str) -> None:
    raw = RawTables({"train": (pa.table({"x": values}),)}, True)
    assert read_types(raw, ColumnOptions(), ["x"], "mine").columns["x"].note.endswith(advice)
