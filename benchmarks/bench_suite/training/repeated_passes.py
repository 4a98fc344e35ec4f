"""Repeated passes: predict the same rows again, in other batches, in another order or with other threads, and compare.

A network in evaluation mode treats each example by itself, so that its predictions depend on none of these. Sums of
floating-point numbers are rounded in another order, so scores may differ in their last digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench_suite.contracts import Trained
from bench_suite.training import devices
from bench_suite.training.precision import computing
from bench_suite.training.prediction import concatenate_rows

SAME = 1e-3
"Largest difference of two equal passes, as a share of the largest number: kernels of a GPU may round differently."
REPEATED_ROWS = 16
"Test examples that a network predicts twice, to see whether it predicts the same."


def predict_in_batches(trained: Trained, batches: Sequence[np.ndarray], threads: int | None = None) -> dict[str, Any]:
    """Return the predictions of test examples by column, in the order of the rows of all batches.

    A network that is random draws on: enter `devices.fork_generators()` around all passes that are compared.

    Args:
        trained: the cell.
        batches: (k,) int64 each, positions in the test split; each is predicted as one batch.
        threads: number of threads; None for the cell's own.
    """
    placement = trained.placement if threads is None else replace(trained.placement, threads=threads)
    parts = []
    with computing(placement):
        for rows in batches:
            parts.append(trained.inference("test", rows)())
    return {name: concatenate_rows([part[name] for part in parts]) for name in parts[0]}


def is_random(trained: Trained) -> bool:
    """Return whether a network predicts the same test examples differently in two passes."""
    if trained.network is None or not len(trained.data.splits["test"]):
        return False
    rows = np.arange(min(REPEATED_ROWS, len(trained.data.splits["test"])))
    with computing(trained.placement), devices.fork_generators():
        predict = trained.inference("test", rows)
        first, second = predict(), predict()
    return differ(first, second)


def differ(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether two passes differ by more than `SAME` in their predictions or their scores."""
    return any(_differs(first[name], second[name]) for name in ("predictions", "scores") if name in first)


def _differs(first: Any, second: Any) -> bool:
    if isinstance(first, list) and all(isinstance(row, str) for row in first):
        return first != second
    if not isinstance(first, np.ndarray) or first.dtype.kind not in "iuf" or np.shape(first) != np.shape(second):
        return False
    largest = np.abs(first).max(initial=0.0)
    difference = np.abs(first.astype(np.float64) - second).max(initial=0.0)
    return bool(difference > SAME * largest)
