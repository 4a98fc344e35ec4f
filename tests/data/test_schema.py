"""One type for each column, over all splits and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.column_types import ColumnOptions
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.schema import read_types

Typed = Callable[..., tuple[str, list[Any]]]


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
def test_all_files_of_all_splits_decide_together(typed: Typed, parts: tuple[list[str], ...], kind: str) -> None:
    parts = tuple(pa.array(part, pa.string()) for part in parts)  # type: ignore[assignment]  # lists become arrays of texts
    read, values = typed(*parts)
    assert read == kind
    assert kind != "category" or all(isinstance(value, str) for value in values)


def test_stored_types_of_several_files_are_one_or_refused(typed: Typed) -> None:
    assert typed(pa.array([1, 2]), pa.array([1.5]), textual=False) == ("number", [1.0, 2.0, 1.5])
    assert typed(pa.array([1, 2]), pa.array([None, None]), textual=False)[0] == "number"
    with pytest.raises(DataInvalid, match=r"column `x` holds int64 and string in different files"):
        typed(pa.array([1, 2]), pa.array(["a"]), textual=False)
    stated = typed(pa.array([1, 2]), pa.array(["a"]), textual=False, columns={"x": "category"})
    assert stated == ("category", ["1", "2", "a"])


def test_a_value_that_is_no_number_is_refused_with_what_the_readme_says() -> None:
    raw = RawTables({"train": (pa.table({"k": ["1", "x", "3"]}),)}, textual=True)
    with pytest.raises(DataInvalid, match=r"'x' in row 1 is no number, and the README says int64: .*k = \"category\""):
        read_types(raw, ColumnOptions(), ["k"], "mine", card={"k": "int64"})
    typed = read_types(raw, ColumnOptions({"k": "category"}), ["k"], "mine", card={"k": "int64"})
    assert (typed.columns["k"].type, typed.columns["k"].of_card) == ("category", False)
