"""Fractions of the training split: how much data a model is given, for learning curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench_suite.contracts import Data
from bench_suite.data.preparation import classes_of
from bench_suite.data.splits import Subset
from bench_suite.data.splitting import shuffled


def subsample(data: Data, fraction: float) -> Data:
    """The data with `fraction` of the training examples, in (0, 1], at least one; all other splits as they are.

    Drawn by content, so the same for every seed and on every machine, and nested: what is in a smaller part is in every
    larger one. Stratified where the target is of classes and known without reading the examples: each class in the
    proportion that it has, to within one example.
    """
    train = data.splits["train"]
    order = shuffled(train.ids)
    classes = classes_of(train)
    if classes is not None:
        order = order[np.argsort(_turn(classes[order]), kind="stable")]
    chosen = order[: max(1, round(fraction * len(train)))]
    return replace(data, splits={**data.splits, "train": Subset(train, np.sort(chosen))})


def _turn(target: np.ndarray) -> np.ndarray:
    """(n,) each row's turn: the j-th of a class of m comes at (j + 1/2) / m, so that every class is spread evenly."""
    turn = np.empty(len(target), dtype=np.float64)
    for name in np.unique(target):
        rows = np.flatnonzero(target == name)
        turn[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return turn
