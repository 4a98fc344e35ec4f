"""An estimator: the record reports the values that scikit-learn gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.neighbors import KNeighborsRegressor

from bench_suite.components import discovery
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources

AXIS = "models.neighbours.neighbours"


def test_its_metrics_are_those_of_scikit_learn_on_the_same_splits(walk: Any, metric: Callable[..., float]) -> None:
    task = discovery.find("tasks", "diabetes", Path())
    data = prepare(discovery.load(task).load(discovery.make_options(task, {}), Sources()), 0.1)
    train, test = (data.splits[name].take(np.arange(len(data.splits[name]))) for name in ("train", "test"))
    for neighbours in (1, 20):
        predicted = KNeighborsRegressor(neighbours).fit(train["table"], train["target"]).predict(test["table"])
        record = walk("estimator").record(**{AXIS: neighbours})
        assert metric(record, "quality/r2") == pytest.approx(r2_score(test["target"], predicted))
        assert metric(record, "quality/mae") == pytest.approx(mean_absolute_error(test["target"], predicted))


def test_axes_that_do_not_concern_it_are_no_part_of_its_cells(walk: Any) -> None:
    for record in walk("estimator").records:
        assert record.cell["engine"] is None
        assert record.cell["precision"] is None


def test_what_needs_training_steps_says_why_it_has_no_spread(walk: Any) -> None:
    for record in walk("estimator").records:
        row = next(m for m in record.metrics if m.name == "throughput/train")
        assert row.value is None or row.reason
        inference = [m for m in record.metrics if m.name == "throughput/inference"]
        assert [m.at["batch_size"] for m in inference] == [1, 16]
        assert all(m.value > 0 and m.samples for m in inference)
