"""Given: whether a model was given a sensitive attribute, by the names of its inputs and by their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench_suite.contracts import Artifact, Trained
from bench_suite.data.splits import column

MISSING = ("nan", "None", "<NA>", "NaT", "")
"Texts of values that are missing: what an example without the attribute has says nothing of whether a column is it."
MIN = 3
"Rows that a column must tell from the others to be taken for an attribute: fewer may agree by chance."


def inputs(trained: Trained, attributes: Mapping[str, Any]) -> Artifact:
    """A table of which attributes are among the inputs, and as what.

    By name: columns of the table, and texts that the suite joined. By value, in the test split: a column of the table
    that equals the attribute whatever its codes are, or is 1 for one of its values and 0 for the others. Where inputs
    have no names and no column equals it, that is not known. Attributes: each (n,), of the test split.
    """
    stated = trained.options["task"].get("inputs") or ()
    columns = trained.data.spec.get("columns", ())
    given = (*columns, *((stated,) if isinstance(stated, str) else stated))
    table = column(trained.data.splits["test"], "table")
    rows, among = [], []
    for attribute, values in attributes.items():
        named = [name for name in dict.fromkeys(given) if name == attribute or name.startswith(f"{attribute}=")]
        equal = {} if table is None else _equal(np.asarray(table), np.asarray(values).astype(str))
        names = {number: columns[number] if number < len(columns) else f"column {number + 1}" for number in equal}
        alike = [f"{names[number]} ({how})" for number, how in equal.items() if names[number] not in named]
        if named or alike:
            among.append(attribute)
            rows.append([attribute, "yes", ", ".join([*named, *alike])])
        else:
            rows.append([attribute, "no" if given else "not known", "" if given else "the inputs have no names"])
    caption = f"Sensitive attributes among the inputs: {_told(attributes, among, known=bool(given))}"
    return Artifact("inputs", "table", {"columns": ["attribute", "among the inputs", "as"], "rows": rows}, caption)


def _told(attributes: Mapping[str, Any], among: Sequence[str], *, known: bool) -> str:
    if known:
        return ", ".join(among) or "none"
    rest = [name for name in attributes if name not in among]
    if not among:
        return "not known, since the inputs have no names"
    return ", ".join(among) + (f"; not known of {', '.join(rest)}, since the inputs have no names" if rest else "")


def _equal(table: np.ndarray, values: np.ndarray) -> dict[int, str]:
    """Numbers of the columns of a table (n, d) that equal an attribute, (n,) texts, and in words how."""
    if table.ndim != 2 or table.dtype.kind not in "biuf":
        return {}
    known = ~np.isin(values, MISSING)
    names, codes = np.unique(values[known], return_inverse=True)
    if not 2 <= len(names) <= known.sum() / 2:  # where hardly two examples share a value, any column is told by it
        return {}
    order = np.argsort(codes, kind="stable")
    rows = table[known][order].astype(np.float64)
    rows[np.isnan(rows)] = -np.inf  # missing is a value too
    starts = np.searchsorted(codes[order], np.arange(len(names)))
    least, most = np.minimum.reduceat(rows, starts), np.maximum.reduceat(rows, starts)
    sizes = np.bincount(codes)
    found = {}
    for number in np.flatnonzero((least == most).all(axis=0)).tolist():  # all who share a value share the column's
        of_value = least[:, number]
        distinct, which = np.unique(of_value, return_inverse=True)
        if len(distinct) < 2 or sizes.sum() - np.bincount(which, sizes).max() < MIN:
            continue
        alone = np.flatnonzero(np.bincount(which) == 1)
        if len(distinct) == len(names):
            found[number] = "equal to it"
        elif len(distinct) == 2 and len(alone) == 1:
            found[number] = f"tells {names[int(np.flatnonzero(which == alone[0])[0])]} from the others"
    return found
