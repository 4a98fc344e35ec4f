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
    "values",
    [
        ["12345678901234567890", "1"], ["9007199254740993", "2"], ["1e5", "12E7"],
        pa.array([2**53 + 1, 2]), pa.array([2**64 - 1, 2], pa.uint64()),
    ],
)  # fmt: skip
def test_numbers_that_a_model_cannot_hold_or_that_may_be_codes_are_refused_until_stated(values: Any) -> None:
    with pytest.raises(DataInvalid, match=r'state columns = { x = "category" }, or "number" to read it as one'):
        typed(values)
    texts = values if isinstance(values, list) else list(map(str, values.to_pylist()))
    assert typed(values, columns={"x": "category"}) == ("category", texts)
    assert typed(values, columns={"x": "number"}) == ("number", [float(text) for text in texts])


@pytest.mark.parametrize(
    ("values", "options", "read"),
    [
        (["12%", "7.5%"], {}, [12, 7.5]),
        (["$1,234.50", "-$2"], {"thousands": ","}, [1234.5, -2]),
        (["1.234,5 €", "7 €"], {"thousands": "."}, [1234.5, 7]),
        (["1\u00a0234", "1\u202f000", "7"], {"thousands": " "}, [1234, 1000, 7]),
        (["1\u2019234", "7"], {"thousands": "'"}, [1234, 7]),
        (["\u22121", "2"], {}, [-1, 2]),
        (["3 kg", " 4 kg"], {}, [3, 4]),
    ],
)
def test_stated_numbers_may_have_a_unit_that_is_the_same_in_all(
    values: list[str], options: dict[str, Any], read: list[float]
) -> None:
    assert typed(values, columns={"x": "number"}, **options) == ("number", read)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (["5%", "0.05"], {}, "'5%' and '0.05' are not numbers of one unit"),
        (["$5", "€5"], {}, "are not numbers of one unit"),
        (["(12)", "7"], {}, r"'\(12\)' in row 0 is no number"),
        (["1,5", "2"], {}, "'1,5' in row 0 is no number: correct it, state decimal and thousands"),
        (["1.234", "2"], {"decimal": ","}, r"'1\.234' in row 0 is no number"),
        (pa.array([[1], [2]]), {}, "holds list"),
        (pa.array([datetime(2024, 1, 1)]), {}, "holds timestamp"),
    ],
)
def test_what_is_no_number_is_refused_where_the_suite_says_number(
    values: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataInvalid, match=message):
        typed(values, columns={"x": "number"}, **options)


def test_a_point_is_not_taken_for_a_mark_that_the_suite_states() -> None:
    assert typed(["1.5", "2.25"], thousands=".")[0] == "category"
    with pytest.raises(DataInvalid, match=r'1\.234 may be 1234 .*state thousands = "\." too, or leave decimal out'):
        typed(["1.234", "2.345"], decimal=",")
    assert typed(["52.12", "48.1"], decimal=",") == ("number", [52.12, 48.1])


def test_marks_of_missing_values_hold_for_stored_numbers_and_between_spaces() -> None:
    assert typed(pa.array([1.5, -999.0, float("nan")]), missing_values=("-999",)) == ("number", [1.5, None, None])
    assert typed(["1", " - ", "3"], missing_values=("-",)) == ("number", [1, None, 3])
    assert typed(["a", " "]) == ("category", ["a", " "])


def test_names_of_classes_stay_the_text_that_stands() -> None:
    raw = RawTables({"train": (pa.table({"x": ["1.1", "1.10", " ", "2.0"]}),)}, True)
    read = read_types(raw, ColumnOptions(), ["x"], "mine", ["x"], ["x"])
    assert read.tables["train"]["x"].to_pylist() == ["1.1", "1.10", None, "2.0"]
    stored = RawTables({"train": (pa.table({"x": pa.array([datetime(2024, 1, 2)])}),)}, False)
    assert read_types(stored, ColumnOptions(), ["x"], "mine", ["x"]).tables["train"]["x"].to_pylist() == ["2024-01-02"]


def test_bytes_and_numbers_of_dates_are_read_as_stated() -> None:
    assert typed(pa.array([b"a", b"\xff"]), columns={"x": "category"}) == ("category", ["a", "ff"])
    assert typed(pa.array([20240102]), columns={"x": "date:%Y%m%d"}) == ("date", [datetime(2024, 1, 2)])
    with pytest.raises(DataInvalid, match="holds int64, and the suite states"):
        typed(pa.array([20240102]), columns={"x": "date"})
    with pytest.raises(DataInvalid, match="holds int64, no pictures and no paths"):
        typed(pa.array([1]), columns={"x": "picture"})


def test_times_that_are_out_of_range_are_refused() -> None:
    with pytest.raises(DataInvalid, match="a time is out of range"):
        typed(pa.array([10**15], pa.timestamp("s")))
    with pytest.raises(DataInvalid, match=r'or missing_values = \["0001-01-01T00:00:00\+05:00"\]'):
        typed(["0001-01-01T00:00:00+05:00", "2024-01-01"])


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
        (["1.5", " ", " NA", "None", "<NA>"], "number", [1.5, None, None, None, None]),
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
    parts = tuple(pa.array(part, pa.string()) for part in parts)  # type: ignore[assignment]  # lists become arrays of texts
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
