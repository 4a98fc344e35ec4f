"""Fractions of the training split, for learning curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench_suite.contracts import Data
from bench_suite.data.splits import Subset, classes_of
from bench_suite.data.splitting import shuffle_by_content


def subsample(data: Data, fraction: float) -> Data:
    """Return the data with a fraction of the training examples, at least one; all other splits stay as they are.

    The examples are drawn by content: the same for every seed and on every machine, and nested, so that a smaller part
    is contained in every larger one. If the targets are classes that are known without reading the examples, each class
    keeps its proportion to within one example.

    Args:
        data: The data.
        fraction: Share of the training examples, in (0, 1].
    """
    train = data.splits["train"]
    order = shuffle_by_content(train.ids)
    classes = classes_of(train)
    if classes is not None:
        order = order[np.argsort(_positions_in_class(classes[order]), kind="stable")]
    chosen = order[: max(1, round(fraction * len(train)))]
    return replace(data, splits={**data.splits, "train": Subset(train, np.sort(chosen))})


def _positions_in_class(target: np.ndarray) -> np.ndarray:
    """Return (n,) float64: (j + 1/2) / m for the j-th row of a class of m, so that each class is spread evenly."""
    positions = np.empty(len(target), dtype=np.float64)
    for label in np.unique(target):
        rows = np.flatnonzero(target == label)
        positions[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return positions
