"""Answers: columns of targets, predictions and probabilities as class numbers or numbers, checked for what is wrong."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench_suite.contracts import BenchError
from bench_suite.imported.tables import numbers, texts
from bench_suite.stats.probabilities import require_probabilities

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CLASSES = 1_000
"Most classes; a target with more different values is no class."
FEW_VALUES = 20
"Most different whole numbers that are taken for classes, if the problem is not stated."
TRUE_WORDS = ("1", "true", "yes", "positive", "1.0")
"Names of a class that is the positive one, of two, if none is stated."


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
    problem = problem or _problem_of(table, target, prediction, scores)
    if problem == "regression":
        if scores:
            raise BenchError("a regression has no --scores: leave them out, or state --problem classification")
        if not prediction:
            raise BenchError("a regression needs a column of predictions: name it with --prediction COLUMN")
        return Answers(problem, numbers(table, target), numbers(table, prediction))
    labels = _labels(table, target)
    predicted = _labels(table, prediction) if prediction else None
    listed = list(labels) + (list(predicted) if predicted is not None else [])
    values, names = (None, tuple(classes)) if not scores else _scores(table, scores, classes, listed)
    names = names or tuple(sorted(dict.fromkeys(listed), key=_sort_key))
    if len(names) > MAX_CLASSES:
        raise BenchError(
            f"{target!r} has {len(names):,} different values: they are no classes; state --problem regression"
        )
    number = {name: position for position, name in enumerate(names)}
    for column, column_labels in ((target, labels), (prediction, predicted)):
        unknown = (
            next((label for label in column_labels if label not in number), None) if column_labels is not None else None
        )
        if unknown is not None:
            raise BenchError(
                f"the column {column!r} has the label {unknown[:40]!r}, which is none of the classes "
                f"{', '.join(map(repr, names[:10]))}: name the classes in the order of the scores, --classes A,B,C"
            )
    if values is not None and values.shape[1] == 1:
        values, names, number = _of_two(values, names, positive)
    notes = []
    targets = np.array([number[label] for label in labels], dtype=np.int64)
    if predicted is None:
        if values is None:
            raise BenchError("there are neither predictions nor probabilities: name them with --prediction or --scores")
        notes.append("the table has no predictions: the likeliest class is taken")
        predictions = values.argmax(axis=1).astype(np.int64)
    else:
        predictions = np.array([number[label] for label in predicted], dtype=np.int64)
    if values is not None:
        try:
            require_probabilities(values)
        except ValueError as error:
            raise BenchError(
                f"--scores {','.join(scores)}: {error}\n  import probabilities, such as the softmax of logits, or "
                "leave --scores out"
            ) from error
    chosen = _positive(names, positive)
    return Answers(
        problem,
        targets,
        predictions,
        None if values is None else values.astype(np.float32),
        names,
        chosen,
        tuple(notes),
    )


def columns_named(known: Sequence[str], stated: str) -> list[str]:
    """Return the columns that a text names: one, several separated by commas, or a pattern such as `p_*`."""
    names: list[str] = []
    for part in (part.strip() for part in stated.split(",")):
        if part in known or not any(mark in part for mark in "*?["):
            names += [part] if part else []
            continue
        matching = [name for name in known if fnmatch.fnmatchcase(name, part)]
        if not matching:
            raise BenchError(f"no column matches {part!r}; the columns are {', '.join(map(repr, list(known)[:20]))}")
        names += matching
    return names


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
    import pyarrow.compute as pc

    values = table.column(column)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        try:
            values = pc.utf8_trim_whitespace(values).cast(pa.float64())
        except pa.ArrowInvalid:
            return False
    if not pa.types.is_floating(values.type):
        return False
    known = np.asarray(values.drop_null().cast(pa.float64()).to_numpy(), dtype=np.float64)
    known = known[np.isfinite(known)]
    return bool((known != np.round(known)).any())


def _labels(table: pa.Table, column: str) -> np.ndarray:
    """Return labels as texts; 1.0 of a column of floats is the label 1."""
    import pyarrow as pa

    if pa.types.is_floating(table.column(column).type):
        values = numbers(table, column, what="a class")
        if (values == np.round(values)).all():
            return np.array([str(int(value)) for value in values], dtype=object)
    return texts(table, column)


def _sort_key(label: str) -> tuple[int, float, str]:
    """Sort labels that are numbers by their value, and others as texts."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label


def _scores(
    table: pa.Table, columns: Sequence[str], classes: Sequence[str], labels: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the probabilities (n, k), and the names of their classes."""
    import pyarrow as pa

    if len(columns) > 1:
        values = np.column_stack([numbers(table, column, what="a probability") for column in columns])
        return values, tuple(classes) or _names_of(columns, labels)
    (column,) = columns
    kind = table.column(column).type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    first = str(table.column(column)[0].as_py()).lstrip() if is_text else ""
    if (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or first.startswith("[")
    ):
        values = _lists(table, column, parse=is_text)
        if values.shape[1] == 1:
            return values, tuple(classes)
        return values, tuple(classes) or _names_by_number(values.shape[1], labels, column)
    return numbers(table, column, what="a probability")[:, None], tuple(classes)


def _lists(table: pa.Table, column: str, *, parse: bool) -> np.ndarray:
    rows = texts(table, column) if parse else table.column(column).to_pylist()
    lists: list[Any] = []
    for position, row in enumerate(rows):
        try:
            values = json.loads(row) if parse else row
            lists.append([float(value) for value in values])
        except (ValueError, TypeError) as error:
            raise BenchError(
                f"the column {column!r} has {str(row)[:40]!r} in row {position + 1:,}, and a list of probabilities is "
                "expected"
            ) from error
        if len(lists[-1]) != len(lists[0]) or not lists[-1]:
            raise BenchError(
                f"the column {column!r} has {len(lists[-1])} probabilities in row {position + 1:,}, and "
                f"{len(lists[0])} in row 1"
            )
    values = np.array(lists, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise BenchError(f"the column {column!r} has a score that is no finite number in row {bad[0] + 1:,}")
    return values


def _names_of(columns: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the classes that columns such as `p_cat`, `p_dog` stand for: what differs between their names."""
    known = dict.fromkeys(labels)
    if all(label in columns for label in known):
        return tuple(columns)
    start = _shared(columns)
    end = _shared([column[len(start) :][::-1] for column in columns])
    names = tuple(column[len(start) : len(column) - len(end)] for column in columns)
    if not all(label in names for label in known):  # `p_cat`, `p_cow`: the classes share letters
        for cut in range(len(start), -1, -1):
            longer = tuple(column[cut : len(column) - len(end)] for column in columns)
            if all(label in longer for label in known):
                return longer
    return names


def _shared(words: Sequence[str]) -> str:
    first, last = min(words), max(words)
    return first[: next((at for at, mark in enumerate(first) if at >= len(last) or mark != last[at]), len(first))]


def _names_by_number(count: int, labels: Sequence[str], column: str) -> tuple[str, ...]:
    """Return the names of the classes of lists of probabilities: 0, 1, …, or the labels in alphabetical order.

    Raises:
        BenchError: the labels do not show which class a score belongs to.
    """
    numbered = tuple(map(str, range(count)))
    distinct = dict.fromkeys(labels)
    if all(label in numbered for label in distinct):
        return numbered
    if len(distinct) == count:
        return tuple(sorted(distinct, key=_sort_key))
    raise BenchError(
        f"the lists of {column!r} have {count} probabilities, and there are {len(distinct)} labels: name the classes "
        "in the order of the probabilities, --classes A,B,C"
    )


def _of_two(
    values: np.ndarray, names: Sequence[str], positive: str
) -> tuple[np.ndarray, tuple[str, ...], dict[str, int]]:
    """Return the probabilities of two classes from that of the positive one, which becomes the second class."""
    if len(names) != 2:
        raise BenchError(f"one probability an example is enough for two classes only, and there are {len(names)}")
    number = _positive(names, positive)
    if number is None:
        raise BenchError(
            f"which of {names[0]!r} and {names[1]!r} the probability belongs to is not stated: --positive CLASS"
        )
    ordered = (names[1 - number], names[number])
    return np.hstack([1.0 - values, values]), ordered, {name: position for position, name in enumerate(ordered)}


def _positive(names: Sequence[str], stated: str) -> int | None:
    """Return the number of the positive class: the stated one, or one of two that is called so; None if there is none.

    Raises:
        BenchError: the stated one is no class.
    """
    if stated:
        if stated not in names or len(names) != 2:
            raise BenchError(
                f"--positive {stated} must be one of two classes; the classes are {', '.join(map(repr, names[:10]))}"
            )
        return list(names).index(stated)
    if len(names) != 2:
        return None
    return next((number for number, name in enumerate(names) if name.lower() in TRUE_WORDS), None)
