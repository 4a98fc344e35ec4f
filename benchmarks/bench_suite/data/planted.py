"""What tasks with a planted answer are made of: tables in which one column tells, and shares that are exact counts."""

from __future__ import annotations

import numpy as np

from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit

NEAREST = 0.5
"Distance of a sign from zero at the least, so that no rule that was learnt errs by rounding."


def counted(share: float, of: int, name: str) -> int:
    """`share` of a number of examples. Raises ValueError, naming the option, where that is no whole number of them."""
    exact = share * of
    count = round(exact)
    if abs(exact - count) > 1e-6:
        raise ValueError(f"{name} = {share:g} of {of} examples is no whole number; the nearest share is {count / of:g}")
    return count


def signed(positive: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(n,) float64 between 0.5 and 1.5, positive where `positive` (n,) bool says so and negative elsewhere."""
    size = NEAREST + random.random(len(positive))
    return np.where(positive, size, -size)


def tabled(
    first: np.ndarray,
    target: np.ndarray,
    columns: int,
    random: np.random.Generator,
    groups: dict[str, np.ndarray] | None = None,
) -> MemorySplit:
    """A split of `table` (n, columns), `first` (n,) and then noise that is evenly spread over −1 to 1, in drawn order.

    The noise knows nothing of `target` (n,), and makes every row its own.
    """
    noise = 2.0 * random.random((len(first), columns - 1)) - 1.0
    order = np.argsort(random.random(len(first)))
    table = np.column_stack([first, noise])[order]
    grouped = {name: values[order] for name, values in (groups or {}).items()}
    return MemorySplit(content_ids(table), {"table": table, "target": target[order]}, grouped)
