"""Answers: columns of targets, predictions and probabilities as class numbers or numbers, checked for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench_suite.contracts import BenchError
from bench_suite.imported.class_scores import class_scores, of_two, positive_of
from bench_suite.imported.labels import Labels, from_array, sort_key
from bench_suite.imported.stray_values import check_common_labels, check_stray_texts
from bench_suite.imported.tables import labels, number_of, numbers
from bench_suite.stats.probabilities import require_probabilities

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CLASSES = 1_000
"Most classes; a target with more different values is no class."
FEW_VALUES = 20
"Most different whole numbers that are taken for classes, if the problem is not stated."


_WHOLE = re.compile(r"-?[0-9]+(\.0*)?")


@dataclass(frozen=True)
class Answers:
    """The targets and predictions of all rows of a table."""

    problem: str
    targets: np.ndarray
    "(n,) int64 class numbers, or float64."
    predictions: np.ndarray
    "(n,) of the same type."
    scores: np.ndarray | None = None
    "(n, classes) float32 probabilities; None if the table has none."
    classes: tuple[str, ...] = ()
    positive: int | None = None
    "Number of the positive class, of two; None if it is the second one or not stated."
    notes: tuple[str, ...] = ()


def read_answers(
    table: pa.Table, target: str, prediction: str, scores: Sequence[str], *, problem: str = "", positive: str = "",
    classes: Sequence[str] = (),
) -> Answers:  # fmt: skip
    """Return the answers of a table.

    Args:
        table: the rows.
        target: column of the right answers.
        prediction: column of the predicted ones; empty: the likeliest class of the scores.
        scores: columns of probabilities: one of lists, one of the positive class, or one for each class.
        problem: `classification` or `regression`; empty: decided from the values.
        positive: name of the positive class.
        classes: names of the classes, in the order of the scores; by default the labels in alphabetical order.

    Raises:
        BenchError: a value is missing, is no probability, or belongs to no class; or the problem is not clear.
    """
    if not problem and not classes:
        for column in (target, *([prediction] if prediction else [])):
            check_stray_texts(table, column)
    problem = problem or _problem_of(table, target, prediction, scores)
    if problem == "regression":
        if scores:
            raise BenchError("a regression has no --scores: leave them out, or state --problem classification")
        if not prediction:
            raise BenchError("a regression needs a column of predictions: name it with --prediction COLUMN")
        return Answers(problem, numbers(table, target), numbers(table, prediction))
    right = _labels(table, target)
    predicted = _labels(table, prediction) if prediction else None
    listed = [*right.words.to_pylist(), *(predicted.words.to_pylist() if predicted is not None else [])]
    if predicted is not None and not classes:
        check_common_labels(target, right, prediction, predicted)
    values, names = (None, tuple(classes)) if not scores else class_scores(table, scores, classes, listed)
    names = names or tuple(sorted(dict.fromkeys(listed), key=sort_key))
    if len(names) > MAX_CLASSES:
        raise BenchError(
            f"{target!r} has {len(names):,} different values: they are no classes; state --problem regression"
        )
    number = {name: position for position, name in enumerate(names)}
    for column, of_column in ((target, right), (prediction, predicted)):
        words = of_column.words.to_pylist() if of_column is not None else []
        unknown = next((word for word in words if word not in number), None)
        if unknown is not None:
            raise BenchError(
                f"the column {column!r} has the label {unknown[:40]!r}, which is none of the classes "
                f"{', '.join(map(repr, names[:10]))}: name the classes in the order of the scores, --classes A,B,C"
            )
    if values is not None and values.shape[1] == 1:
        values, names, number = of_two(values, names, positive)
    notes = []
    targets = _class_numbers(right, number)
    if predicted is None:
        if values is None:
            raise BenchError("there are neither predictions nor probabilities: name them with --prediction or --scores")
        notes.append("the table has no predictions: the likeliest class is taken")
        predictions = values.argmax(axis=1).astype(np.int64)
    else:
        predictions = _class_numbers(predicted, number)
    if values is not None:
        try:
            require_probabilities(values)
        except ValueError as error:
            raise BenchError(
                f"--scores {','.join(scores)}: {error}\n  import probabilities, such as the softmax of logits, or "
                "leave --scores out"
            ) from error
    chosen = positive_of(names, positive)
    return Answers(
        problem,
        targets,
        predictions,
        None if values is None else values.astype(np.float32),
        names,
        chosen,
        tuple(notes),
    )


def _problem_of(table: pa.Table, target: str, prediction: str, scores: Sequence[str]) -> str:
    """Return the problem that the values suggest.

    Raises:
        BenchError: the targets are many whole numbers, which may be either.
    """
    if scores:
        return "classification"
    if _has_decimals(table, target):
        return "regression"  # even if a prediction is no number: it is refused, and is no label
    columns = [target, *([prediction] if prediction else [])]
    try:
        values = [numbers(table, column) for column in columns]
    except BenchError:
        return "classification"
    if any((column != np.round(column)).any() for column in values):
        return "regression"
    if len(np.unique(values[0])) <= FEW_VALUES:
        return "classification"
    raise BenchError(
        f"{target!r} has {len(np.unique(values[0])):,} different whole numbers: state --problem classification or "
        "--problem regression"
    )


def _has_decimals(table: pa.Table, column: str) -> bool:
    """Return whether all values of a column are numbers, NaN and infinite ones included, and one is not whole."""
    import pyarrow as pa

    values = table.column(column)
    if pa.types.is_dictionary(values.type) or pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        words = [number_of(word or "") for word in _words(values)]
        if None in words:
            return False
        known = np.array(words, dtype=np.float64)
    elif pa.types.is_floating(values.type):
        known = np.asarray(values.drop_null().cast(pa.float64()).to_numpy(), dtype=np.float64)
    else:
        return False
    known = known[np.isfinite(known)]
    return bool((known != np.round(known)).any())


def _words(values: pa.ChunkedArray) -> list[str]:
    """Return the different texts of a column; a missing value is left out."""
    return list(from_array(values.drop_null()).words.to_pylist())


def _labels(table: pa.Table, column: str) -> Labels:
    """Return labels; 1.0 in a column of whole numbers is the label 1, since programs write so what may be missing."""
    import pyarrow as pa

    if pa.types.is_floating(table.column(column).type):
        numbers(table, column, what="a class")
    of_column = labels(table, column)
    words = of_column.words.to_pylist()
    if not all(_WHOLE.fullmatch(word) for word in words) or not any("." in word for word in words):
        return of_column
    short = from_array(pa.array([word.partition(".")[0] for word in words], pa.string()))
    return Labels(short.words, short.codes[of_column.codes])


def _class_numbers(of_column: Labels, number: Mapping[str, int]) -> np.ndarray:
    """Return the class number of each row, (n,) int64."""
    return np.array([number[word] for word in of_column.words.to_pylist()], dtype=np.int64)[of_column.codes]
