"""An oracle that errs on a stated share of examples, chosen by its seed: a model of known quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import Data, Report, Split
from bench_suite.training.estimators import draw_seed

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("classification",)
BOUNDS = {"errors": (0.0, 1.0)}


@dataclass(frozen=True)
class Options:
    errors: float
    "Chance of an error on each example."


@dataclass
class Oracle:
    """An `Estimator` that looks up the answers and errs at random."""

    errors: float
    seed: int

    def fit(self, data: Data, options: Any, report: Report) -> None:
        """Learn nothing."""

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """Return `predictions` (n,) int64 of two classes."""
        target = np.asarray(split.take(np.arange(len(split)))["target"])
        return {
            "predictions": target
            ^ (np.random.default_rng([self.seed, round(self.errors * 1e6)]).random(len(target)) < self.errors)
        }


def build(data: Data, options: Options) -> Oracle:
    """Return an oracle for two classes; it draws its seed from the generator that the caller has seeded."""
    return Oracle(options.errors, draw_seed())
