"""Input checks: which columns of a network's inputs hold missing values or infinities, and how many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from bench_suite.data.encoded import Encoded, LazyEncoded
from bench_suite.data.ragged import Ragged
from bench_suite.training.inputs import MAX_ROWS

MAX_COLUMNS = 3
"Columns that a message names; it counts the others."


def nonfinite_inputs(examples: Encoded, split: str, spec: Mapping[str, Any]) -> str | None:
    """Return which columns of encoded examples hold numbers that are not finite; None if all numbers are finite.

    Of a split on disk, `MAX_ROWS` examples are read, spread evenly.

    Args:
        examples: the columns that the network reads, and `target`.
        split: the name of the split.
        spec: of the problem. `columns` has the names of a table's columns, if the table has as many.

    Returns:
        A sentence that names the columns with the highest shares and the remedy.
    """
    columns = examples.columns
    if isinstance(examples, LazyEncoded):
        rows = torch.linspace(0, len(examples) - 1, min(MAX_ROWS, len(examples))).long()
        columns = examples.take(rows)
    shares = sorted(_shares(columns, spec.get("columns", ())), key=lambda entry: -entry[1])
    if not shares:
        return None
    listed = ", ".join(f"{name} ({_percent(share)} {kind})" for name, share, kind in shares[:MAX_COLUMNS])
    more = f" and {len(shares) - MAX_COLUMNS} more" if len(shares) > MAX_COLUMNS else ""
    return (
        f"the network's inputs of {split} contain numbers that are not finite: {listed}{more}; let `encode` replace "
        "missing values, as `standardisation_of` of bench_suite.training.inputs does for tables"
    )


def _shares(columns: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, float, str]]:
    """Yield name, share and kind of the numbers that are not finite, for each column that has some."""
    for label, column in columns.items():
        values = column.values if isinstance(column, Ragged) else column
        if not isinstance(values, torch.Tensor) or not values.is_floating_point() or not values.numel():
            continue
        bad = ~values.isfinite()
        if not bool(bad.any()):
            continue
        if isinstance(column, Ragged) or values.ndim != 2:
            yield f"`{label}`", float(bad.double().mean()), _kind(values)
            continue
        named = names if len(names) == values.shape[1] else [f"{number} of `{label}`" for number in range(bad.shape[1])]
        by_column = bad.double().mean(dim=0)
        for number in by_column.nonzero().flatten().tolist():
            name = f'column "{named[number]}"' if named is names else f"column {named[number]}"
            yield name, float(by_column[number]), _kind(values[:, number])


def _kind(values: torch.Tensor) -> str:
    infinite, missing = bool(values.isinf().any()), bool(values.isnan().any())
    return "missing or infinite" if infinite and missing else "infinite" if infinite else "missing"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"
