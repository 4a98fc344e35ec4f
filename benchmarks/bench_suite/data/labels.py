"""Labels: from a column of labels, as they were written, to class numbers or to the values of a regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.contracts import DataInvalid
from bench_suite.data.card import class_names
from bench_suite.data.hub import first_line
from bench_suite.data.sources import numbers

MAX_CLASSES = 1000
"""With more different labels than this, and fewer than `MIN_EXAMPLES` examples of each, they are taken for a slip."""
MIN_EXAMPLES = 2
FEW_VALUES = 20
"""Whole numbers written as floats that are no more different values than this may be classes: a note says so."""


@dataclass(frozen=True)
class Labels:
    """Labels of all splits, in one numbering."""

    problem: str
    classes: tuple[str, ...] | None
    "Names in the order of their numbers; None for a regression."
    targets: Mapping[str, np.ndarray]
    "By split (n,): int64 class numbers, -1 where there is no label; or float64, NaN where there is none."
    notes: Mapping[str, str] = field(default_factory=dict)

    def known(self, split: str) -> np.ndarray:
        """(n,) bool: which examples of a split have a label."""
        target = self.targets[split]
        return ~np.isnan(target) if target.dtype.kind == "f" else target >= 0


def decode_dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without its dictionary, where it is written as numbers of values."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def read_labels(tables: Mapping[str, pa.Table], label: str, problem: str | None, name: str) -> Labels:
    """The labels of all splits.

    A regression where the column of train holds floats, else a classification; `problem` decides otherwise. Classes are
    those that the data set names (`ClassLabel`), else all values that occur in any split: numbers in their order, texts
    by code point, false before true.

    No label are null, NaN, an empty text, and -1 where classes have names or where a whole split has nothing else: so
    the hub marks what is kept secret.

    Args:
        tables: by split, `train` among them; classes may be named in the metadata of its schema.
        label: name of the column.
        problem: `classification`, `regression`, or None: the column decides.
        name: of the data set, for messages.

    Raises:
        DataInvalid: labels are of a kind that is neither, all the same, missing everywhere, or outside their classes.
    """
    columns = {split: decode_dictionary(table[label]) for split, table in tables.items()}
    kind = columns["train"].type
    said = f"{name}, label `{label}`"
    if not (is_text(kind) or is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise DataInvalid(f"{said} holds {kind}: one number, text or truth value an example is expected")
    columns = {split: _of_one_kind(column, kind, f"{said}, split {split}") for split, column in columns.items()}
    floats = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if (problem or ("regression" if floats else "classification")) == "regression":
        labels = _values(columns, said, hint=problem is None)
    else:
        labels = _classes(columns, class_names(tables["train"].schema.metadata, label), said)
    known = labels.targets["train"][labels.known("train")]
    if not len(known):
        raise DataInvalid(f"{said}: not one of the {len(columns['train'])} examples of train has a label")
    if (known == known[0]).all() and len(known) > 1:
        same = f"{known[0]:g}" if labels.classes is None else f"`{labels.classes[int(known[0])]}`"
        raise DataInvalid(f"{said} is {same} for all {len(known)} examples of train: there is nothing to learn")
    return labels


def _of_one_kind(column: pa.ChunkedArray, kind: pa.DataType, said: str) -> pa.ChunkedArray:
    """The labels of a split in the Arrow type that train has: where none is given, a text file says nothing of it."""
    if column.type == kind:
        return column
    if is_text(column.type) != is_text(kind) and not pa.types.is_null(column.type):
        raise DataInvalid(f"{said} holds {column.type}, and that of train {kind}")
    try:
        return column.cast(kind)
    except pa.ArrowException as error:
        raise DataInvalid(f"{said} holds {column.type}, and that of train {kind}: {first_line(error)}") from error


def _values(columns: Mapping[str, pa.ChunkedArray], said: str, *, hint: bool) -> Labels:
    if is_text(columns["train"].type):
        raise DataInvalid(f'{said} holds text, which no regression can learn: leave out problem = "regression"')
    targets = {split: numbers(column, "float64", f"{said}, split {split}") for split, column in columns.items()}
    for split, target in targets.items():
        if np.isinf(target).any():
            raise DataInvalid(f"{said}: {int(np.isinf(target).sum())} values of split {split} are infinite")
    train = targets["train"][~np.isnan(targets["train"])]
    notes = {}
    if hint and len(np.unique(train)) <= FEW_VALUES and (train == np.floor(train)).all():
        notes["labels"] = (
            'floats that are all whole numbers: a regression; problem = "classification" makes them classes'
        )
    return Labels("regression", None, targets, notes)


def _classes(columns: Mapping[str, pa.ChunkedArray], names: Sequence[str] | None, said: str) -> Labels:
    values = {split: _present(column) for split, column in columns.items()}
    secret = {split for split, present in values.items() if split != "train" and present == [-1]}
    if names is not None and not is_text(columns["train"].type):
        order: list[Any] = list(range(len(names)))
        outside = sorted({value for present in values.values() for value in present} - {-1, *order})
        if outside:
            listed = ", ".join(map(str, outside[:5]))
            raise DataInvalid(f"{said} holds {listed}, outside its {len(names)} classes (0 to {len(names) - 1})")
    else:
        found = {value for split, present in values.items() if split not in secret for value in present}
        order = [*names, *sorted(found - {*names})] if names is not None else sorted(found)
        rows = sum(len(column) for column in columns.values())
        if len(order) > MAX_CLASSES and len(order) * MIN_EXAMPLES > rows:
            hint = "" if is_text(columns["train"].type) else ': problem = "regression" learns them as numbers'
            raise DataInvalid(
                f"{said} has {len(order)} different values in {rows} examples: those are no classes{hint}"
            )
    targets = {}
    for split, column in columns.items():
        known = pa.array(order, type=column.type) if len(order) else pa.array([], type=column.type)
        found_at = numbers(pa.chunked_array([pc.index_in(column, value_set=known).combine_chunks()]), "float64", said)
        targets[split] = np.where(np.isnan(found_at), -1, found_at).astype(np.int64)
    return Labels("classification", tuple(names or ()) + tuple(map(_class_name, order[len(names or ()) :])), targets)


def _present(column: pa.ChunkedArray) -> list[Any]:
    """The different values that are labels."""
    return [value for value in pc.unique(column).to_pylist() if value is not None and value == value and value != ""]


def _class_name(value: Any) -> str:
    """A class's name: its label as it was written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
