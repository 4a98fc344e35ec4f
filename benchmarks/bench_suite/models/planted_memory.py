"""Planted memory: predicts the stored label of a training example, and the sign of the first column for others.

On the task `planted_noise` it is always right on train, and as often right on test as the best possible model. So the
number of memorised examples is known exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bench_suite.contracts import BenchError, Data, Report, Split, TrainOptions
from bench_suite.training.estimators import features

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("classification",)
BOUNDS = {"confidence": (0.5, 1.0)}


@dataclass(frozen=True)
class Options:
    confidence: float = 0.9
    "Score of the predicted class; the other class has 1 minus it."


@dataclass
class Memory:
    """Labels by the content of their example.

    For an unknown example, the class is 1 if its first column is positive, else 0.
    """

    confidence: float
    labels: dict[bytes, int] = field(default_factory=dict)

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Store the labels of the train split."""
        inputs, targets = features(data.splits["train"])
        self.labels = {row.tobytes(): label for row, label in zip(inputs, targets.tolist())}

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """Return `predictions` (n,) int64 and `scores` (n, 2) float32: `confidence`, and 1 minus it."""
        inputs, _ = features(split)
        classes = np.array([self.labels.get(row.tobytes(), int(row[0] > 0)) for row in inputs], dtype=np.int64)
        scores = np.full((len(classes), 2), 1.0 - self.confidence, dtype=np.float32)
        scores[np.arange(len(classes)), classes] = self.confidence
        return {"predictions": classes, "scores": scores}


def build(data: Data, options: Options) -> Memory:
    """Return an empty memory; raise BenchError unless there are two classes."""
    if len(data.spec["classes"]) != 2:
        raise BenchError(f"planted_memory is for two classes; {data.source.name} has {len(data.spec['classes'])}")
    return Memory(options.confidence)
