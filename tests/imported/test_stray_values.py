"""Texts among numbers, and columns in different notations."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported.labels import Labels, labels_of
from bench_suite.imported.stray_values import check_common_labels, check_stray_texts, is_decimal_comma

STRAY = ["n/a", "1,5", "-", "inf", "-Infinity", "NaN", "?", "none", "unknown", "1_0"]


def table(*values: str) -> pa.Table:
    return pa.table({"target": pa.array(values)})


@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize("usual", [0.5, 1.0])
def test_a_text_among_many_numbers_is_refused_with_its_row(stray: str, usual: float) -> None:
    values = [f"{number * usual:g}" for number in range(50)]
    values[6] = stray
    for column in (pa.array(values), pa.array(values).dictionary_encode()):
        with pytest.raises(BenchError, match=rf"'target' has '{re.escape(stray)}' in row 7.*--problem classification"):
            check_stray_texts(pa.table({"target": column}), "target")


@pytest.mark.parametrize("stray", ["n/a", "1,5", "-", "inf"])
def test_a_missing_value_among_few_whole_numbers_is_no_class(stray: str) -> None:
    with pytest.raises(BenchError, match="in row 3"):
        check_stray_texts(table("0", "1", stray, "0", "1"), "target")


@pytest.mark.parametrize(
    "values", [("0", "1", "other", "0"), ("cat", "dog", "none"), ("cat", "1", "n/a"), ("0", "1"), ("1.5", "2.5")]
)
def test_names_of_classes_and_plain_numbers_pass(values: tuple[str, ...]) -> None:
    check_stray_texts(table(*values), "target")
    check_stray_texts(pa.table({"target": [1, 2]}), "target")


def test_a_column_of_decimal_commas_is_refused() -> None:
    assert is_decimal_comma("-1,5")
    assert not is_decimal_comma("1,2,3")
    with pytest.raises(BenchError, match=r"'0,5' in row 1.*decimal point"):
        check_stray_texts(table("0,5", "1,5", "2,5"), "target")


def labels(*words: str) -> Labels:
    return labels_of(np.array(words, dtype=object))


@pytest.mark.parametrize(
    ("right", "predicted"),
    [(["true", "false"], ["1", "0"]), (["Yes", "No"], ["yes", "no"]), (["cat", "dog"] * 5, ["0", "1"] * 5)],
)
def test_two_notations_are_refused(right: list[str], predicted: list[str]) -> None:
    with pytest.raises(BenchError, match="no prediction is one of the right answers"):
        check_common_labels("target", labels(*right), "prediction", labels(*predicted))


def test_one_common_label_or_few_wrong_rows_are_no_reason() -> None:
    check_common_labels("target", labels(*["cat"] * 20), "prediction", labels(*["dog"] * 19, "cat"))
    check_common_labels("target", labels("cat"), "prediction", labels("dog"))
