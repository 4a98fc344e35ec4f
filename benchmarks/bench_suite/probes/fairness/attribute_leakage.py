"""Attribute leakage: whether a sensitive attribute is among a model's inputs, by their names and by their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import Artifact, Trained
from bench_suite.data.splits import column

MISSING = ("nan", "None", "<NA>", "NaT", "")
"Texts of missing values: an example without the attribute is no evidence about whether a column equals it."
MIN = 3
"Fewest examples outside a column's most frequent value, if it is to count as the attribute: fewer may be chance."


@dataclass(frozen=True)
class Leak:
    """Whether one sensitive attribute is among the inputs."""

    attribute: str
    inputs: tuple[str, ...]
    "The inputs that reveal it, as text."
    names_known: bool
    "Whether inputs have names; without names, an attribute that equals no column may still be among them."

    @property
    def verdict(self) -> str:
        """`yes`, `no` or `not known`."""
        if self.inputs:
            return "yes"
        return "no" if self.names_known else "not known"


def leakage_table(trained: Trained, attributes: Mapping[str, Any]) -> Artifact:
    """Return a table of the attributes that are among the inputs.

    By name: columns of the table, and texts that the suite joined. By value, in the test split: a column of the table
    that equals the attribute up to its codes, or is 1 for one value of the attribute and 0 for the others. If inputs
    have no names and no column equals the attribute, the answer is not known.

    Args:
        trained: the cell.
        attributes: (n,) values in the test split, by attribute.
    """
    joined = trained.options["task"].get("inputs") or ()
    columns = trained.data.spec.get("columns", ())
    names = (*columns, *((joined,) if isinstance(joined, str) else joined))
    table = column(trained.data.splits["test"], "table")
    leaks = []
    for attribute, values in attributes.items():
        named = [name for name in dict.fromkeys(names) if name == attribute or name.startswith(f"{attribute}=")]
        equal = {} if table is None else _equal_columns(np.asarray(table), np.asarray(values).astype(str))
        equal_names = {number: columns[number] if number < len(columns) else f"column {number + 1}" for number in equal}
        unnamed = [
            f"{equal_names[number]} ({how})" for number, how in equal.items() if equal_names[number] not in named
        ]
        leaks.append(Leak(attribute, (*named, *unnamed), bool(names)))
    rows = [
        [
            leak.attribute,
            leak.verdict,
            ", ".join(leak.inputs) if leak.inputs or leak.names_known else "the inputs have no names",
        ]
        for leak in leaks
    ]
    caption = f"Sensitive attributes among the inputs: {_caption(leaks, names_known=bool(names))}"
    return Artifact("inputs", "table", {"columns": ["attribute", "among the inputs", "as"], "rows": rows}, caption)


def _caption(leaks: Sequence[Leak], *, names_known: bool) -> str:
    among = [leak.attribute for leak in leaks if leak.inputs]
    rest = [leak.attribute for leak in leaks if not leak.inputs]
    if names_known:
        return ", ".join(among) or "none"
    if not among:
        return "not known, since the inputs have no names"
    note = f"; not known for {', '.join(rest)}, since the inputs have no names" if rest else ""
    return ", ".join(among) + note


def _equal_columns(table: np.ndarray, values: np.ndarray) -> dict[int, str]:
    """Return the columns of a table (n, d) that equal an attribute (n,), by number, each with the relation as text."""
    if table.ndim != 2 or table.dtype.kind not in "biuf":
        return {}
    known = ~np.isin(values, MISSING)
    names, codes = np.unique(values[known], return_inverse=True)
    if not 2 <= len(names) <= known.sum() / 2:  # if hardly two examples share a value, every column determines it
        return {}
    order = np.argsort(codes, kind="stable")
    rows = table[known][order].astype(np.float64)
    rows[np.isnan(rows)] = -np.inf  # a missing number counts as a value
    starts = np.searchsorted(codes[order], np.arange(len(names)))
    lowest, highest = np.minimum.reduceat(rows, starts), np.maximum.reduceat(rows, starts)
    sizes = np.bincount(codes)
    relations = {}
    for number in np.flatnonzero((lowest == highest).all(axis=0)).tolist():  # constant within each attribute value
        by_value = lowest[:, number]
        distinct, which = np.unique(by_value, return_inverse=True)
        if len(distinct) < 2 or sizes.sum() - np.bincount(which, sizes).max() < MIN:
            continue
        alone = np.flatnonzero(np.bincount(which) == 1)
        if len(distinct) == len(names):
            relations[number] = "equal to it"
        elif len(distinct) == 2 and len(alone) == 1:
            name = names[int(np.flatnonzero(which == alone[0])[0])]
            relations[number] = f"distinguishes {name} from the others"
    return relations
