"""The mean of the nearest neighbours: a wrapper of scikit-learn's regressor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from bench_suite.contracts import Data, Report, Split

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("regression",)
BOUNDS = {"neighbours": (1, None)}


@dataclass(frozen=True)
class Options:
    neighbours: int = 5
    "Training examples whose mean target is the prediction."


@dataclass
class Neighbours:
    """An `Estimator`."""

    regressor: KNeighborsRegressor

    def fit(self, data: Data, options: Any, report: Report) -> None:
        """Store the train split."""
        train = data.splits["train"]
        raw = train.take(np.arange(len(train)))
        self.regressor.fit(raw["table"], raw["target"])

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """Return `predictions` (n,) float64."""
        return {"predictions": self.regressor.predict(split.take(np.arange(len(split)))["table"])}


def build(data: Data, options: Options) -> Neighbours:
    """Return the model without data."""
    return Neighbours(KNeighborsRegressor(options.neighbours))
