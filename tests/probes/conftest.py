"""A trained cell with fixed predictions, as the input of probes."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench_suite.contracts import History, Placement, Predictions
from bench_suite.problems import classification, regression


class Written:
    """`contracts.Trained` with known predictions by split: columns without a model."""

    def __init__(self, splits, problem=classification, classes=("no", "yes"), **spec):
        self.splits = splits
        self.problem = problem
        full = {"classes": classes, **spec} if problem is classification else spec
        sizes = {name: np.arange(len(columns["targets"])) for name, columns in splits.items()}
        self.data = SimpleNamespace(spec=full, splits=sizes)
        self.history = History(samples=1, seconds=1.0)
        self.placement = Placement("cpu", 1, "32-true")
        self.meter = None
        self.network = None
        self.threshold = None

    def predictions(self, split, change=None):
        columns = self.splits[split]
        return Predictions(split, np.arange(len(columns["targets"])), columns)


@pytest.fixture
def written():
    return Written


@pytest.fixture
def of_regression():
    return regression
