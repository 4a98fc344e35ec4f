"""Stray values: a text among numbers, or labels that the other column does not know, which would be read as classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench_suite.contracts import BenchError
from bench_suite.imported.labels import Labels
from bench_suite.imported.tables import is_text, labels, number_of

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = ("", "-", "--", "?", ".", "n/a", "na", "#n/a", "nan", "null", "nil", "none", "missing", "inf", "-inf", "+inf",
           "infinity", "-infinity")  # fmt: skip
"Texts, in lower case, by which programs write that a number is missing or has no value."
FEW = 20
"Most different whole numbers that may be names of classes beside others that are texts."
MIN_ROWS = 10
"Rows from which two columns without a common label are taken for columns in different notations."
_TRUTHS = {"true", "false"}
_BITS = {"0", "1"}


def check_stray_texts(table: pa.Table, column: str) -> None:
    """Refuse a column whose values are mostly numbers, and some texts: it is neither numbers nor names of classes.

    Texts beside few different whole numbers are names of classes, unless they are spellings of a missing value.

    Raises:
        BenchError: there is such a text; the message names the first one and its row.
    """
    if not is_text(table.column(column).type):
        return
    values = labels(table, column)
    words = [word.strip() for word in values.words.to_pylist()]
    numeric = [number_of(word) for word in words]
    is_number = np.array([value is not None and math.isfinite(value) for value in numeric])
    if is_number.all():
        return
    with_comma = np.array([not known and is_decimal_comma(word) for word, known in zip(words, is_number, strict=True)])
    shares = np.bincount(values.codes, minlength=len(words)) / len(values)
    if shares[is_number | with_comma].sum() <= 0.5:
        return
    whole = [value for value in numeric if value is not None and math.isfinite(value)]
    labels_beside = len(whole) <= FEW and all(value == round(value) for value in whole)
    missing = np.array([word.lower() in MISSING for word in words])
    stray = ~is_number & (missing | with_comma) if labels_beside else ~is_number
    if not stray.any():
        return
    rows = np.flatnonzero(stray[values.codes])
    word = values[rows[0]]
    others = f" and such texts in {len(rows) - 1:,} more rows" if len(rows) > 1 else ""
    what = (
        "write numbers with a decimal point, and without a separator of thousands"
        if is_decimal_comma(word)
        else "correct these rows, or remove them"
    )
    raise BenchError(
        f"the column {column!r} has {word[:40]!r} in row {rows[0] + 1:,}{others}, and numbers in most rows: {what}; if "
        "the values are names of classes, state --problem classification"
    )


def is_decimal_comma(text: str) -> bool:
    """Return whether a text is a number with a comma for a decimal point."""
    return text.count(",") == 1 and number_of(text.replace(",", ".")) is not None


def check_common_labels(target: str, right: Labels, prediction: str, predicted: Labels) -> None:
    """Refuse targets and predictions without a common label, as if one column had names and the other one numbers.

    Args:
        target: name of the column of right answers.
        right: its labels.
        prediction: name of the column of predicted answers.
        predicted: its labels.

    Raises:
        BenchError: there is no common label in ten rows or more, or one column has truth values, and the other 0 and 1.
    """
    mine, theirs = set(right.words.to_pylist()), set(predicted.words.to_pylist())
    if mine & theirs:
        return
    lower = [{word.lower() for word in words} for words in (mine, theirs)]
    notations = any(a <= _TRUTHS and b <= _BITS for a, b in (lower, lower[::-1]))
    if len(right) >= MIN_ROWS or notations or lower[0] & lower[1]:
        listed = [", ".join(map(repr, sorted(words)[:5])) for words in (mine, theirs)]
        raise BenchError(
            f"no prediction is one of the right answers: the column {target!r} has {listed[0]}, and {prediction!r} has "
            f"{listed[1]}: write both in the same way; if all predictions are wrong, state --classes A,B,C"
        )
