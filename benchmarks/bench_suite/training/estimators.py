"""Estimators: matrices from raw splits, and class scores, for the models of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench_suite.contracts import Data, Split, TrainingFailed

CHUNK = 8_192
"Rows in a call of `take` when a split is predicted."


def draw_seed() -> int:
    """Return a seed from PyTorch's global generator, which the caller of `build` has seeded."""
    return int(torch.randint(2**31 - 1, ()))


def inputs_of(raw: Any) -> np.ndarray:
    """Return a (k, d) float64 matrix: a table unchanged, with NaN for missing values, or images as pixels in [0, 1]."""
    if "table" in raw:
        return np.asarray(raw["table"], dtype=np.float64)
    return raw["image"].reshape(len(raw["image"]), -1) / 255.0


def features(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix (n, d) and the targets (n,) of a whole split, the arguments of scikit-learn's `fit`."""
    raw = split.take(np.arange(len(split)))
    return inputs_of(raw), np.asarray(raw["target"])


def require_two_classes(targets: np.ndarray, data: Data) -> None:
    """Raise TrainingFailed if all examples of the train split are of one class."""
    if len(np.unique(targets)) < 2:
        raise TrainingFailed(f"{data.source.name}: the train split holds one class only; a classifier needs two")


def class_scores(estimator: Any, split: Split, classes: int) -> np.ndarray:
    """Return the `predict_proba` of a split, (n, classes) float32; a class without training examples scores 0."""
    scores = np.zeros((len(split), classes), dtype=np.float32)
    for start in range(0, len(split), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(split)))
        scores[rows[:, None], estimator.classes_] = estimator.predict_proba(inputs_of(split.take(rows)))
    return scores
