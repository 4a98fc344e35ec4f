"""Probabilities of classes, and the classes they belong to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported.class_scores import class_scores, columns_named, of_two, positive_of, probabilities

LISTS = [[0.25, 0.75], [1.0, 0.0]]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(LISTS), pa.array(LISTS, pa.large_list(pa.float32())), pa.array(LISTS, pa.list_(pa.float64(), 2)),
        pa.array(["[0.25, 0.75]", " [1, 0]"]),
    ],
)  # fmt: skip
def test_lists_in_any_form_are_one_array(column: pa.Array) -> None:
    values, names = class_scores(pa.table({"p": column}), ["p"], (), ["0", "1"])
    assert values.tolist() == LISTS
    assert names == ("0", "1")


def test_a_column_for_each_class_is_named_by_what_differs() -> None:
    table = pa.table({"p_cat": [0.2], "p_cow": [0.8]})
    values, names = class_scores(table, columns_named(table.column_names, "p_*"), (), ["cow"])
    assert values.tolist() == [[0.2, 0.8]]
    assert names == ("cat", "cow")


REFUSED = {
    "other lengths": (pa.array([[0.5, 0.5], [1.0]]), "has 1 probabilities in row 12, and 2 in row 11"),
    "nothing in a list": (pa.array([[0.5, None], [0.5, 0.5]]), "in row 11, and a list of probabilities"),
    "a text in a list": (pa.array(["[0.5]", "[0.5"]), r"'\[0.5' in row 12"),
    "NaN": (pa.array([[0.5], [float("nan")]]), "no finite number in row 12"),
    "a text": (pa.array(["0.5", "n/a"]), "'n/a' in row 12"),
    "a decimal comma": (pa.array(["0,5", "0.5"]), "'0,5' in row 11.*decimal point"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_row_that_is_wrong_is_named(case: str) -> None:
    column, message = REFUSED[case]
    with pytest.raises(BenchError, match=message):
        probabilities(pa.table({"p": column}), "p", 10)


def test_the_positive_class_is_stated_or_called_so() -> None:
    assert positive_of(["no", "yes"], "") == 1
    assert positive_of(["cat", "dog"], "cat") == 0
    assert positive_of(["cat", "dog"], "") is None
    with pytest.raises(BenchError, match="must be one of two classes"):
        positive_of(["cat", "dog"], "cow")
    values, names, _ = of_two(np.array([[0.2]]), ["yes", "no"], "")
    assert (values.tolist(), names) == ([[0.8, 0.2]], ("no", "yes"))
