"""Planted rule: says what the first column of a table says, and learns nothing; its errors are those that were planted.

For the tasks `planted_groups`, `planted_noise` and `planted_line`, where all metrics of it are known beforehand.
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
BOUNDS = {"confidence": (0.5, 1.0)}


@dataclass(frozen=True)
class Options:
    confidence: float = 0.9
    "Score of the class that it says; the other has the rest."


@dataclass(frozen=True)
class Rule:
    """Class 1 where the first column is positive, else class 0; of a regression the first column itself."""

    classes: int
    "2, or 0 for a regression."
    confidence: float

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Nothing: the rule is known."""

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """`predictions` (n,), and for classes `scores` (n, 2) float32 of `confidence` and the rest."""
        first = features(split)[0][:, 0]
        if not self.classes:
            return {"predictions": first}
        said = (first > 0).astype(np.int64)
        scores = np.full((len(said), 2), 1.0 - self.confidence, dtype=np.float32)
        scores[np.arange(len(said)), said] = self.confidence
        return {"predictions": said, "scores": scores}


def build(data: Data, options: Options) -> Rule:
    """The rule. Raises `BenchError` where there are not two classes."""
    classes = 0 if data.problem == "regression" else len(data.spec["classes"])
    if classes not in (0, 2):
        raise BenchError(f"planted_rule tells two classes apart; {data.source.name} has {classes}")
    return Rule(classes, options.confidence)
