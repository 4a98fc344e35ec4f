"""Scores that differ by rounding give metrics, floors and intervals that differ by rounding, whatever the probe."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Metric
from bench_suite.probes import calibration, importance, ood, privacy, quality, robustness, stability

SUITE = """
tasks = [{{ use = "{task}" }}]
models = [{{ use = "mlp" }}]
[train]
epochs = 3
validation = 0.2
[evaluate]
batch_size = {batch_size}
[probes.quality]
"""
PROBES: dict[str, tuple[Any, dict[str, Any]]] = {
    "quality": (quality, {"metrics": ("roc_auc", "log_loss"), "resamples": 200}),
    "calibration": (calibration, {"simulations": 99, "resamples": 200}),
    "importance": (importance, {"repeats": 2, "resamples": 200}),
    "ood": (ood, {"against": ("fashion_mnist",), "resamples": 200, "examples": 200}),
    "privacy": (privacy, {}),
    "robustness": (robustness, {"examples": 50, "resamples": 200}),
    "stability": (stability, {"resamples": 200}),
}
"Each probe with options that measure it in a second or so."
UNSTABLE = {
    "largest_difference",  # it is the rounding itself
}


def numbers(metrics: Iterator[Any]) -> dict[tuple[str, str], list[float]]:
    """Return the value and the bounds of each metric, by its name and coordinates."""
    rows = {}
    for metric in metrics:
        if isinstance(metric, Metric) and metric.name not in UNSTABLE:
            bounds = [metric.interval.low, metric.interval.high] if metric.interval else []
            rows[metric.name, str(metric.at)] = [math.nan if metric.value is None else metric.value, *bounds]
    return rows


def compare(first: Any, second: Any, left_out: str) -> None:
    scores = [trained.predictions("test")["scores"] for trained in (first, second)]
    assert 0 < np.abs(scores[0] - scores[1]).max() < 1e-5
    for name, (probe, options) in PROBES.items():
        if name != left_out:
            before, after = (numbers(probe.probe(trained, probe.Options(**options))) for trained in (first, second))
            assert before.keys() == after.keys()
            for key, values in before.items():
                assert after[key] == pytest.approx(values, rel=1e-3, abs=1e-4, nan_ok=True), (name, key)


def test_the_batch_size_of_the_evaluation_moves_no_metric_of_images_by_more_than_rounding(train_cells: Any) -> None:
    text = SUITE.format(task="digits", batch_size=256)
    compare(*train_cells(text), *train_cells(text.replace("256", "7")), left_out="importance")


def test_weights_that_differ_by_rounding_move_no_metric_of_a_table_by_more(train_cells: Any) -> None:
    text = SUITE.format(task="breast_cancer", batch_size=256)
    (first,), (second,) = train_cells(text), train_cells(text)
    with torch.no_grad():
        for parameter in second.network.module.parameters():
            parameter *= 1 + 3e-7
    compare(first, second, left_out="ood")
