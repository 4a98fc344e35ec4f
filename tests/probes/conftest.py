"""A trained cell with fixed predictions, as the input of probes."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench_suite.contracts import History, Placement, Predictions
from bench_suite.data.sources import Sources
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.context import RunContext
from bench_suite.execution.model_training import build, fit
from bench_suite.problems import classification, regression
from bench_suite.store.runs import Store
from bench_suite.suite.document import parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import make_plan


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


@pytest.fixture
def train_cells(tmp_path, monkeypatch):
    """Return a function from the text of a suite to its cells, each trained as a run would train it."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def train(text):
        plan = make_plan(suite_of(parse_document(text, "cells.toml"), "cells", Path()))
        run = Store(tmp_path / "results").create("cells", {})
        context = RunContext(plan, run, Sources(offline=True), RunCallback(), environment="", code="c")
        cells = []
        for cell in plan.cells:
            trained = build(cell, context.load(cell), Placement("cpu", 1, "32-true"), cell.seed, cell.options["train"])
            trained.sources = context.sources
            if cell.options["train"].get("epochs", 1):
                fit(trained, lambda window: True)
            cells.append(trained)
        return cells

    return train
