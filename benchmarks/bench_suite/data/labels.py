"""Conversion of a column of labels, as they are written, to class numbers or to the values of a regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.contracts import DataInvalid
from bench_suite.data.class_names import class_names
from bench_suite.data.hub import first_line
from bench_suite.data.sources import numbers

MAX_CLASSES = 1000
"""More distinct labels than this, with fewer than `MIN_EXAMPLES` examples each on average, are refused as an error."""
MIN_EXAMPLES = 2
FEW_VALUES = 20
"""If whole numbers written as floats have at most this many distinct values, a note says that classes may be meant. If
labels of classes are more numbers than this, a note says that numbers may be meant; if they also have fewer than
`MIN_EXAMPLES` examples each, they are refused unless the suite states the problem."""


@dataclass(frozen=True)
class Labels:
    """Labels of all splits, in one numbering."""

    problem: str
    classes: tuple[str, ...] | None
    "Names in the order of their numbers; None for a regression."
    targets: Mapping[str, np.ndarray]
    "By split (n,): int64 class numbers, -1 without a label; or float64, NaN without one."
    notes: Mapping[str, str] = field(default_factory=dict)

    def known(self, split: str) -> np.ndarray:
        """Return (n,) bool: which examples of a split have a label."""
        target = self.targets[split]
        return ~np.isnan(target) if target.dtype.kind == "f" else target >= 0


def decode_dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a dictionary-encoded column as plain values; other columns unchanged."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is a text type."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_number(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is a numeric type."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def read_labels(tables: Mapping[str, pa.Table], label: str, problem: str | None, name: str) -> Labels:
    """Return the labels of all splits.

    Floats in train make a regression, other labels a classification, unless `problem` is stated. The classes are those
    that the data set names (`ClassLabel`), else all values that occur in any split: numbers in ascending order, texts
    by code point, false before true.

    Null, NaN and an empty text count as no label. So does -1 if the classes have names, or if a split other than train
    has nothing else, because the hub marks hidden labels so.

    Args:
        tables: By split, with `train`; the metadata of its schema may name the classes.
        label: Name of the column.
        problem: `classification`, `regression`, or None to decide by the column.
        name: What messages call the data set.

    Raises:
        DataInvalid: Labels are of another type, all the same, missing everywhere, or outside their classes.
    """
    columns = {split: decode_dictionary(table[label]) for split, table in tables.items()}
    kind = columns["train"].type
    subject = f"{name}, label `{label}`"
    if not (is_text(kind) or is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise DataInvalid(f"{subject} holds {kind}: one number, text or truth value an example is expected")
    columns = {split: _cast_to(column, kind, f"{subject}, split {split}") for split, column in columns.items()}
    floats = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if (problem or ("regression" if floats else "classification")) == "regression":
        labels = _regression_labels(columns, subject, hint=problem is None)
    else:
        names = class_names(tables["train"].schema.metadata, label)
        labels = _class_labels(columns, names, subject, hint=problem is None)
    known = labels.targets["train"][labels.known("train")]
    if not len(known):
        raise DataInvalid(f"{subject}: not one of the {len(columns['train'])} examples of train has a label")
    if (known == known[0]).all() and len(known) > 1:
        same = f"{known[0]:g}" if labels.classes is None else f"`{labels.classes[int(known[0])]}`"
        raise DataInvalid(f"{subject} is {same} for all {len(known)} examples of train: there is nothing to learn")
    return labels


def _cast_to(column: pa.ChunkedArray, kind: pa.DataType, subject: str) -> pa.ChunkedArray:
    """Return the labels of a split in the Arrow type of train; a text file without any label does not state a type."""
    if column.type == kind:
        return column
    if is_text(column.type) != is_text(kind) and not pa.types.is_null(column.type):
        raise DataInvalid(f"{subject} holds {column.type}, and that of train {kind}")
    try:
        return column.cast(kind)
    except pa.ArrowException as error:
        raise DataInvalid(f"{subject} holds {column.type}, and that of train {kind}: {first_line(error)}") from error


def _regression_labels(columns: Mapping[str, pa.ChunkedArray], subject: str, *, hint: bool) -> Labels:
    if is_text(columns["train"].type):
        raise DataInvalid(f'{subject} holds text, which no regression can learn: leave out problem = "regression"')
    targets = {split: numbers(column, "float64", f"{subject}, split {split}") for split, column in columns.items()}
    for split, target in targets.items():
        if np.isinf(target).any():
            raise DataInvalid(f"{subject}: {int(np.isinf(target).sum())} values of split {split} are infinite")
    train = targets["train"][~np.isnan(targets["train"])]
    notes = {}
    if hint and len(np.unique(train)) <= FEW_VALUES and (train == np.floor(train)).all():
        notes["labels"] = (
            'whole numbers written as floats: read as a regression; problem = "classification" makes them classes'
        )
    return Labels("regression", None, targets, notes)


def _class_labels(
    columns: Mapping[str, pa.ChunkedArray], names: Sequence[str] | None, subject: str, *, hint: bool
) -> Labels:
    notes = {}
    values = {split: _distinct_labels(column) for split, column in columns.items()}
    hidden = {split for split, labels in values.items() if split != "train" and labels == [-1]}
    if names is not None and not is_text(columns["train"].type):
        order: list[Any] = list(range(len(names)))
        outside = sorted({value for labels in values.values() for value in labels} - {-1, *order})
        if outside:
            listed = ", ".join(map(str, outside[:5]))
            raise DataInvalid(f"{subject} holds {listed}, outside its {len(names)} classes (0 to {len(names) - 1})")
    else:
        distinct = {value for split, labels in values.items() if split not in hidden for value in labels}
        order = [*names, *sorted(distinct - {*names})] if names is not None else sorted(distinct)
        rows = sum(len(column) for column in columns.values())
        values_are_numbers = is_number(columns["train"].type)
        other = ': problem = "regression" learns them as numbers' if values_are_numbers else ""
        instead = other or ": state another column as label"
        most = FEW_VALUES if values_are_numbers and hint else MAX_CLASSES
        if len(order) > most and len(order) * MIN_EXAMPLES > rows:
            raise DataInvalid(
                f"{subject} has {len(order)} different values in {rows} examples, too many for classes{instead}"
            )
        if len(order) > FEW_VALUES and values_are_numbers and hint:
            notes["labels"] = f"{len(order)} different whole numbers, read as classes{other}"
    targets = {}
    for split, column in columns.items():
        known = pa.array(order, type=column.type) if len(order) else pa.array([], type=column.type)
        positions = pa.chunked_array([pc.index_in(column, value_set=known).combine_chunks()])
        codes = numbers(positions, "float64", subject)
        targets[split] = np.where(np.isnan(codes), -1, codes).astype(np.int64)
    classes = tuple(names or ()) + tuple(map(_class_name, order[len(names or ()) :]))
    return Labels("classification", classes, targets, notes)


def _distinct_labels(column: pa.ChunkedArray) -> list[Any]:
    """Return the distinct values that are labels: not null, NaN or an empty text."""
    return [value for value in pc.unique(column).to_pylist() if value is not None and value == value and value != ""]


def _class_name(value: Any) -> str:
    """Return the name of a class: its label as it was written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return float_name(value) if isinstance(value, float) else str(value)


def float_name(value: float) -> str:
    """Return a number as a name: 1000001 for 1000001.0; with as few digits as tell it apart from its neighbours."""
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    short = f"{value:g}"
    return short if abs(float(short) - value) <= 1e-7 * abs(value) else repr(value)
