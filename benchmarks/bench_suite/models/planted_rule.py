"""Planted rule: predicts from the first column of a table and learns nothing, so its errors are the planted ones.

It is for the tasks `planted_groups`, `planted_noise` and `planted_line`, for which all of its metrics are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import BenchError, Data, Report, Split, TrainOptions
from bench_suite.training.estimators import features

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("classification", "regression")
BOUNDS = {"confidence": (0.5, 1.0), "half_width": (0.0, None), "level": (0.01, 0.99)}


@dataclass(frozen=True)
class Options:
    confidence: float = 0.9
    "Score of the predicted class; the other class has 1 minus it."
    half_width: float = 0.0
    "For a regression: distance of the ends of a prediction interval from the prediction; 0 gives no interval."
    level: float = 0.5
    "Share of targets that the interval is said to contain."


@dataclass(frozen=True)
class Rule:
    """Class 1 if the first column is positive, else class 0; for a regression, the first column itself."""

    classes: int
    "2, or 0 for a regression."
    confidence: float
    half_width: float = 0.0
    level: float = 0.5

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Do nothing: the rule is fixed."""

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """Return `predictions` (n,), and for classes `scores` (n, 2) float32: `confidence`, and 1 minus it.

        For a regression with a `half_width`, there are `lower`, `upper` and `level` too, each (n,).
        """
        first = features(split)[0][:, 0]
        if not self.classes:
            if not self.half_width:
                return {"predictions": first}
            ends = {"lower": first - self.half_width, "upper": first + self.half_width}
            return {"predictions": first, **ends, "level": np.full(len(first), self.level)}
        classes = (first > 0).astype(np.int64)
        scores = np.full((len(classes), 2), 1.0 - self.confidence, dtype=np.float32)
        scores[np.arange(len(classes)), classes] = self.confidence
        return {"predictions": classes, "scores": scores}


def build(data: Data, options: Options) -> Rule:
    """Return the rule; raise BenchError unless there are two classes or the problem is a regression."""
    classes = 0 if data.problem == "regression" else len(data.spec["classes"])
    if classes not in (0, 2):
        raise BenchError(f"planted_rule is for two classes; {data.source.name} has {classes}")
    return Rule(classes, options.confidence, options.half_width, options.level)
