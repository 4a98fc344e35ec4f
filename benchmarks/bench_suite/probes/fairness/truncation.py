"""Unread: which texts a model is given the same after their words are swapped, since it cuts them before the word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench_suite.contracts import Network, Split
from bench_suite.data.splits import CHUNK


def changed_for(
    network: Network | None, split: Split, rows: np.ndarray, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> np.ndarray | None:
    """Of each of `rows` ((k,) positions), whether `change` changes what the network is given of it: (k,) bool.

    None where that is not known: of an estimator, and of a network with a frozen part, which runs within `encode` so
    that comparing would cost as much as predicting.
    """
    if network is None or network.frozen is not None:
        return None
    parts = [np.zeros(0, dtype=bool)]
    for start in range(0, len(rows), CHUNK):
        raw = split.take(rows[start : start + CHUNK])
        parts.append(_differ(network.encode(raw), network.encode(change(raw)), len(raw["text"])))
    return np.concatenate(parts)


def _differ(before: Mapping[str, Any], after: Mapping[str, Any], rows: int) -> np.ndarray:
    differ = np.zeros(rows, dtype=bool)
    for name in set(before) - {"target"}:
        differ |= [not np.array_equal(old, new) for old, new in zip(before[name], after[name], strict=True)]
    return differ
