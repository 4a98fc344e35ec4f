"""Truncation: texts whose swapped words the model does not read, because it truncates them before these words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench_suite.contracts import Network, Split
from bench_suite.data.splits import CHUNK


def changed_for(
    network: Network | None, split: Split, rows: np.ndarray, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> np.ndarray | None:
    """Return for each row whether a change of the raw values changes the encoded input of the network.

    Args:
        network: the network, or None for an estimator.
        split: the examples.
        rows: (k,) positions in the split.
        change: maps raw values of several examples to changed ones.

    Returns:
        (k,) bool. None if it is unknown: for an estimator, and for a network with a frozen part, which runs within
        `encode`, so that the comparison would cost as much as predictions.
    """
    if network is None or network.frozen is not None:
        return None
    parts = [np.zeros(0, dtype=bool)]
    for start in range(0, len(rows), CHUNK):
        raw = split.take(rows[start : start + CHUNK])
        parts.append(_rows_that_differ(network.encode(raw), network.encode(change(raw)), len(raw["text"])))
    return np.concatenate(parts)


def _rows_that_differ(before: Mapping[str, Any], after: Mapping[str, Any], rows: int) -> np.ndarray:
    differ = np.zeros(rows, dtype=bool)
    for name in set(before) - {"target"}:
        differ |= [not np.array_equal(old, new) for old, new in zip(before[name], after[name], strict=True)]
    return differ
