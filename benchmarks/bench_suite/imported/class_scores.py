"""Probabilities of classes: columns of a table as an array (n, classes), and which class a column or position means."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench_suite.contracts import BenchError
from bench_suite.imported.labels import sort_key
from bench_suite.imported.tables import numbers, texts

if TYPE_CHECKING:
    import pyarrow as pa

WHAT = "a probability"
TRUE_WORDS = ("1", "true", "yes", "positive", "1.0")
"Names of a class that is the positive one, of two, if none is stated."


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


def class_scores(
    table: pa.Table, columns: Sequence[str], classes: Sequence[str], labels: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the probabilities (n, k), and the names of their classes; k is 1 if only those of one class are there.

    Args:
        table: the rows.
        columns: those of the probabilities: one of lists, or one for each class.
        classes: names of the classes that the user stated, in the order of the probabilities.
        labels: the different labels of targets and predictions.

    Raises:
        BenchError: a value is no number, lists have different lengths, or it is not clear which class is meant.
    """
    if len(columns) > 1:
        values = np.column_stack([numbers(table, column, what=WHAT) for column in columns])
        return values, tuple(classes) or _names_of(columns, labels)
    (column,) = columns
    converted = probabilities(table, column)
    if isinstance(converted, np.ndarray):
        return converted[:, None], tuple(classes)
    values = np.asarray(converted.flatten().to_numpy()).reshape(len(converted), -1)
    if values.shape[1] == 1:
        return values, tuple(classes)
    return values, tuple(classes) or _names_by_number(values.shape[1], labels, column)


def probabilities(table: pa.Table, column: str, first: int = 0) -> np.ndarray | pa.FixedSizeListArray:
    """Return a column of numbers as (n,) float64, and one of lists, also in texts, as lists of one length.

    Args:
        table: the rows.
        column: its name.
        first: rows before those of the table, for errors.

    Raises:
        BenchError: a value is missing or no number, or lists have different lengths.
    """
    import pyarrow as pa

    kind = table.column(column).type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    start = str(table.column(column)[0].as_py()).lstrip() if is_text and table.num_rows else ""
    if not is_list and not start.startswith("["):
        return numbers(table, column, what=WHAT, first=first)
    values = None if is_text else _plain_lists(table.column(column))
    if values is None:
        values = _parsed_lists(table, column, first, parse=is_text)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise BenchError(f"the column {column!r} has a score that is no finite number in row {first + bad[0] + 1:,}")
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _plain_lists(column: pa.ChunkedArray) -> np.ndarray | None:
    """Return lists of numbers of one length as an array (n, k) float64; None if something is missing or differs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = column.combine_chunks()
    lengths = pc.list_value_length(lists)
    kind = lists.type.value_type
    if lists.null_count or not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return None
    least, most = pc.min(lengths).as_py(), pc.max(lengths).as_py()
    values = pc.list_flatten(lists)
    if least != most or not least or values.null_count:
        return None
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False)).reshape(len(lists), least)


def _parsed_lists(table: pa.Table, column: str, first: int, *, parse: bool) -> np.ndarray:
    """Return lists, or texts of lists, as an array (n, k); the message names the first row that is none."""
    rows = texts(table, column) if parse else table.column(column).to_pylist()
    lists: list[Any] = []
    for position, row in enumerate(rows, first):
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
                f"{len(lists[0])} in row {first + 1:,}"
            )
    return np.array(lists, dtype=np.float64)


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
        return tuple(sorted(distinct, key=sort_key))
    raise BenchError(
        f"the lists of {column!r} have {count} probabilities, and there are {len(distinct)} labels: name the classes "
        "in the order of the probabilities, --classes A,B,C"
    )


def of_two(
    values: np.ndarray, names: Sequence[str], positive: str
) -> tuple[np.ndarray, tuple[str, ...], dict[str, int]]:
    """Return the probabilities of two classes from that of the positive one, which becomes the second class."""
    if len(names) != 2:
        raise BenchError(f"one probability an example is enough for two classes only, and there are {len(names)}")
    number = positive_of(names, positive)
    if number is None:
        raise BenchError(
            f"which of {names[0]!r} and {names[1]!r} the probability belongs to is not stated: --positive CLASS"
        )
    ordered = (names[1 - number], names[number])
    return np.hstack([1.0 - values, values]), ordered, {name: position for position, name in enumerate(ordered)}


def positive_of(names: Sequence[str], stated: str) -> int | None:
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
