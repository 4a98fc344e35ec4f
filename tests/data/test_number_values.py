"""Texts and stored values as numbers, or refused with the row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.column_types import Column
from bench_suite.data.number_values import unit_of

Typed = Callable[..., tuple[str, list[Any]]]


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
    typed: Typed, values: list[str], options: dict[str, Any], read: list[float]
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
    typed: Typed, values: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataInvalid, match=message):
        typed(values, columns={"x": "number"}, **options)


def test_marks_of_missing_values_hold_for_stored_numbers_and_between_spaces(typed: Typed) -> None:
    assert typed(pa.array([1.5, -999.0, float("nan")]), missing_values=("-999",)) == ("number", [1.5, None, None])
    assert typed(["1", " - ", "3"], missing_values=("-",)) == ("number", [1, None, 3])
    assert typed(["a", " "]) == ("category", ["a", " "])


@pytest.mark.parametrize(
    ("values", "unit"),
    [(["$1,234.50", "-$2"], "$"), (["", None, "7.5 %"], "%"), (["3 kg", " 4 kg"], "kg"), (["US$ 3 net"], "US$ net"),
     (["3", "4"], ""), (["", None], ""), ([], "")],
)  # fmt: skip
def test_the_unit_is_what_stands_beside_the_first_number(values: list[str | None], unit: str) -> None:
    chunks = [pa.chunked_array([pa.array(values, pa.string())])]
    assert unit_of(Column("x", "number", "", units=True), chunks) == unit
    assert unit_of(Column("x", "number", ""), chunks) == ""
    assert unit_of(Column("x", "number", "", units=True), [pa.chunked_array([[1.0]])]) == ""
