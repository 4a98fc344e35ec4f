"""Building blocks of the planted tasks: tables in which one column decides, and shares that are exact counts."""

from __future__ import annotations

import numpy as np

from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit

NEAREST = 0.5
"Smallest distance of a signed value from zero, so that rounding does not mislead a learnt rule."


def count_of_share(share: float, of: int, name: str) -> int:
    """Return how many of `of` examples a share is.

    Args:
        share: The share.
        of: Number of examples.
        name: The option that states the share, for the message.

    Raises:
        ValueError: The share is not a whole number of examples.
    """
    exact = share * of
    count = round(exact)
    if abs(exact - count) > 1e-6:
        raise ValueError(
            f"{name} = {share:g} of {of} examples is not a whole number; the nearest share is {count / of:g}"
        )
    return count


def draw_signed(positive: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return (n,) float64 of size 0.5 to 1.5, positive where `positive` (n,) bool is True and negative elsewhere."""
    size = NEAREST + random.random(len(positive))
    return np.where(positive, size, -size)


def draw_table(
    first: np.ndarray,
    target: np.ndarray,
    columns: int,
    random: np.random.Generator,
    groups: dict[str, np.ndarray] | None = None,
) -> MemorySplit:
    """Return a split of `table` (n, columns): `first`, then uniform noise from −1 to 1, with rows in random order.

    The noise is independent of `target` and makes each row unique.

    Args:
        first: (n,) values of the first column.
        target: (n,) targets.
        columns: Number of columns of the table.
        random: Generator of the noise and of the order.
        groups: Sensitive attributes, each (n,).
    """
    noise = 2.0 * random.random((len(first), columns - 1)) - 1.0
    order = np.argsort(random.random(len(first)))
    table = np.column_stack([first, noise])[order]
    grouped = {name: values[order] for name, values in (groups or {}).items()}
    return MemorySplit(content_ids(table), {"table": table, "target": target[order]}, grouped)
