"""D004: a column that numbers or names the rows, which a model can learn by heart and nobody has for a new row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable

MIN_ROWS = 50
"Rows of train below which nearly every column is unique by chance."
MIN_DISTINCT = 0.99
"Share of distinct values of an identifier."
DENSE = 3.0
"Whole numbers are row numbers if their range is at most this multiple of the number of rows."
KOLMOGOROV = 1.63
"Critical value of √n D at the level 0.01 (Kolmogorov 1933): ids of customers are spread evenly, amounts are not."


def identifiers(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding on the columns that are identifiers.

    A number is one if nearly all of its values are distinct, and they increase with the row, or are whole and dense,
    or are whole and evenly spread. A category is one if nearly each row has its own.
    """
    table = task.table("train")
    if len(table) < MIN_ROWS:
        raise NotApplicable(f"train has fewer than {MIN_ROWS} rows")
    names = [name for name in task.data.splits if task.split(name).in_memory]
    tables = [task.table(name) for name in names]
    reasons: dict[str, str] = {}
    for source in task.columns:
        if source.categories:
            codes = source.codes(table)
            counts = np.bincount(codes[codes >= 0].astype(np.int64))
            why = "nearly each row has a category of its own" if _are_names(counts) else None
        else:
            why = why_identifier(source.codes(table), np.concatenate([source.codes(part) for part in tables]))
        if why is not None:
            reasons[source.name] = why
    if reasons:
        listed = "; ".join(f"`{name}`: {why}" for name, why in reasons.items())
        (first, why), *others = reasons.items()
        summary = (
            f"{len(reasons)} columns are identifiers: {listed}"
            if others
            else (f"column `{first}` is an identifier: {why}")
        )
        yield task.finding("D004", "warning", summary, task.without_columns([*reasons]), [*reasons])


def _are_names(counts: np.ndarray) -> bool:
    """Return whether the categories of a column are names of single rows, from their numbers of rows."""
    present = counts[counts > 0]
    return len(present) >= MIN_ROWS / 2 and bool(present.mean() < 1.2)


def why_identifier(values: np.ndarray, everywhere: np.ndarray) -> str | None:
    """Return why the numbers of a column identify rows; None if they do not.

    Args:
        values: (n,) of train, in the order of its rows.
        everywhere: (m,) of all splits.
    """
    if np.isnan(values).any() or len(np.unique(values)) < MIN_DISTINCT * len(values):
        return None
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return f"its values {'increase' if steps[0] > 0 else 'decrease'} with the row"
    if not (values == np.round(values)).all():
        return None
    low, high = float(np.nanmin(everywhere)), float(np.nanmax(everywhere))
    if high - low <= DENSE * len(everywhere):
        return f"{len(np.unique(values)):,} distinct whole numbers between {low:.0f} and {high:.0f}, as row numbers are"
    rank = (np.sort(values) - values.min()) / (values.max() - values.min())
    distance = np.abs(rank - (np.arange(len(values)) + 0.5) / len(values)).max()
    if distance * np.sqrt(len(values)) < KOLMOGOROV:
        return f"{len(np.unique(values)):,} distinct whole numbers, spread evenly from {low:.0f} to {high:.0f}"
    return None
