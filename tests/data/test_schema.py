"""One type for each column, over all splits and files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.schema import ColumnOptions, check_column_options, plain, read_types, word_of


def typed(*parts: list[Any], textual: bool = True, **options: Any) -> tuple[str, list[Any]]:
    """Return the type of a column whose first part is train's file and whose others are test's, and all values."""
    tables = [pa.table({"x": part if isinstance(part, pa.Array) else pa.array(part)}) for part in parts]
    raw = RawTables({"train": (tables[0],), **({"test": tuple(tables[1:])} if tables[1:] else {})}, textual)
    read = read_types(raw, ColumnOptions(**options), ["x"], "mine")
    return read.columns["x"].type, [value for table in read.tables.values() for value in table["x"].to_pylist()]


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
        (["2024-01-02T10:00:00Z", "2024-01-02 10:00"], "date", [datetime(2024, 1, 2, 10)] * 2),
        (["", ""], "empty", [None, None]),
        (["12345678901234567890", "1"], "number", [12345678901234567890.0, 1.0]),
        (["1 000", "2"], "category", ["1 000", "2"]),
        (["0x1F", "2"], "category", ["0x1F", "2"]),
    ],
)
def test_the_texts_of_a_column_decide_its_type(values: list[str], kind: str, read: list[Any]) -> None:
    assert typed(values) == (kind, read)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ((["1", "2"], ["3"]), "number"),
        ((["1", "2"], ["3", "B"]), "category"),
        ((["1", "2"], [], ["B"]), "category"),
        ((["true"], ["unknown"]), "category"),
        ((["2024-01-01"], ["soon"]), "category"),
    ],
)
def test_all_files_of_all_splits_decide_together(parts: tuple[list[str], ...], kind: str) -> None:
    parts = tuple(pa.array(part, pa.string()) for part in parts)  # type: ignore[assignment]
    read, values = typed(*parts)
    assert read == kind
    assert kind != "category" or all(isinstance(value, str) for value in values)


def test_stored_types_of_several_files_are_one_or_refused() -> None:
    assert typed(pa.array([1, 2]), pa.array([1.5]), textual=False) == ("number", [1.0, 2.0, 1.5])
    assert typed(pa.array([1, 2]), pa.array([None, None]), textual=False)[0] == "number"
    with pytest.raises(DataInvalid, match=r"column `x` holds int64 and string in different files"):
        typed(pa.array([1, 2]), pa.array(["a"]), textual=False)
    stated = typed(pa.array([1, 2]), pa.array(["a"]), textual=False, columns={"x": "category"})
    assert stated == ("category", ["1", "2", "a"])


@pytest.mark.parametrize(
    ("value", "word"),
    [(1000001.0, "1000001"), (0.5, "0.5"), (True, "true"), (7, "7"), (None, None), (float("nan"), None), (0.1, "0.1")],
)
def test_a_stored_value_as_text(value: Any, word: str | None) -> None:
    assert word_of(value) == word


def test_rare_forms_of_text_are_plain_text() -> None:
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        column = pa.chunked_array([pa.array(["a", "b"]).cast(kind)])
        assert plain(column).type == pa.string()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"x": "numbr"}}, 'columns.x = "numbr"; did you mean "number"'),
        ({"decimal": "1"}, 'decimal = "1" is not one mark'),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands are the same mark"),
    ],
)
def test_a_wrong_statement_is_refused_before_anything_is_read(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_column_options(ColumnOptions(**options))
