"""Resamples as weights: the same resamples and the same values as rows drawn one by one, for every shipped metric."""

from __future__ import annotations

import importlib
import math
import types
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from bench_suite.components import discovery
from bench_suite.metrics.accuracy import accuracy
from bench_suite.metrics.balanced_accuracy import balanced_accuracy
from bench_suite.metrics.log_loss import log_loss
from bench_suite.metrics.macro_f1 import macro_f1
from bench_suite.metrics.macro_roc_auc import macro_roc_auc
from bench_suite.metrics.mae import mae
from bench_suite.metrics.r2 import r2
from bench_suite.metrics.roc_auc import roc_auc
from bench_suite.stats import resampling
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.stats.resampling import WeightedMetric, drawn_rows, drawn_weights, weighted_metric

RESAMPLES = 200
NUMERIC = ("mae", "rmse", "r2")
OF_SCORES = (
    "average_precision",
    "brier_score",
    "expected_calibration_error",
    "log_loss",
    "roc_auc",
    "macro_roc_auc",
    "top_5_accuracy",
)
PROBABILITIES = ("brier_score", "expected_calibration_error", "log_loss")
"Metrics that refuse the numbers below 0 which rounding would leave."


def columns_of(name: str, n: int, classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return predictions that are better than chance, with tied scores."""
    random = np.random.default_rng(seed)
    if name in NUMERIC:
        targets = random.normal(5.0, 2.0, n)
        return {"targets": targets, "predictions": targets + random.normal(0, 1, n)}
    targets = random.integers(0, classes, n)
    targets[:classes] = np.arange(classes)
    scores = np.round(random.random((n, classes)), 2) + 0.01
    scores[np.arange(n), targets] += 0.5
    scores /= scores.sum(axis=1, keepdims=True)
    scores = scores if name in PROBABILITIES else np.round(scores, 2)
    scores[:, -1] += 1 - scores.sum(axis=1)
    return {"targets": targets} | ({"scores": scores} if name in OF_SCORES else {"predictions": scores.argmax(axis=1)})


def by_rows(
    function: Callable[..., float], columns: dict[str, Any], seed: int, resamples: int = RESAMPLES
) -> list[Any]:
    """Return the metric of rows that are drawn one resample after another, NaN if it is undefined."""
    n, random, values = len(columns["targets"]), np.random.default_rng(seed), []
    for _ in range(resamples):
        rows = random.integers(0, n, n)
        try:
            values.append(function(**{name: column[rows] for name, column in columns.items()}))
        except ValueError:
            values.append(math.nan)
    return values


def by_weights(metric: WeightedMetric, n: int, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    return np.concatenate([metric(weights) for weights in drawn_weights(seed, n, resamples)])


@pytest.mark.parametrize("n", [2, 3, 7, 255, 256, 401])
def test_weights_count_the_rows_that_are_drawn_one_resample_after_another(n, monkeypatch):
    random = np.random.default_rng(5)
    expected = [np.bincount(random.integers(0, n, n), minlength=n) for _ in range(50)]
    for chunk, stored in ((1, 0), (3 * n + 1, 0), (2**16, 2**23)):
        monkeypatch.setattr(resampling, "CHUNK", chunk)
        monkeypatch.setattr(resampling, "STORED", stored)
        resampling._stored.cache_clear()
        assert np.array_equal(np.concatenate(list(drawn_weights(5, n, 50))), expected)
    rows = drawn_rows(np.asarray(expected[0]))
    assert np.array_equal(np.bincount(rows, minlength=n), expected[0])


@pytest.mark.parametrize("n", [12, 150])
@pytest.mark.parametrize("name", sorted(discovery.builtin("metrics")))
def test_every_shipped_metric_has_the_values_of_rows_and_is_undefined_on_the_same_resamples(name, n):
    classes = {"roc_auc": 2, "average_precision": 2, "binary_f1": 2, "top_5_accuracy": 7}.get(name, 4)
    columns = columns_of(name, n, classes)
    function = getattr(importlib.import_module(f"bench_suite.metrics.{name}"), name)
    metric = weighted_metric(function, columns)
    assert metric is not None
    values, expected = by_weights(metric, n, 3), np.array(by_rows(function, columns, 3))
    undefined = np.isnan(expected)
    assert np.array_equal(~np.isfinite(values), undefined)
    assert np.allclose(values[~undefined], expected[~undefined], rtol=1e-12, atol=1e-12)
    assert undefined.any() == (n == 12 and name in ("roc_auc", "macro_roc_auc"))


@pytest.mark.parametrize(
    ("function", "columns"),
    [
        (accuracy, {"targets": np.array(list("abcabcab")), "predictions": np.array(list("abbabbaa"))}),
        (macro_f1, {"targets": np.array([-1, 1, 1, -1, 1]), "predictions": np.array([1, 1, -1, -1, 1])}),
        (balanced_accuracy, {"targets": np.array([True, False, True]), "predictions": np.array([True, True, True])}),
        (roc_auc, {"targets": np.array(list("nnyyny")), "scores": np.array([0.1, 0.5, 0.5, 0.9, 0.2, 0.4])}),
        (roc_auc, {"targets": np.array([1, 2, 1, 2, 2]), "scores": np.array([0.1, 0.5, 0.5, 0.9, 0.2], np.float16)}),
        (macro_roc_auc, {"targets": np.array([3, 5, 9] * 4), "scores": np.random.default_rng(0).random((12, 3))}),
        (macro_f1, {"targets": np.arange(60) % 9, "predictions": np.arange(60) % 8}),
        (mae, {"targets": np.arange(9.0), "predictions": np.arange(9)}),
        (r2, {"targets": np.array([1.0, 1.0, 1.0, 1.0, 2.0]), "predictions": np.array([1.0, 1.1, 0.9, 1.2, 1.5])}),
    ],
)  # fmt: skip
def test_other_labels_ties_and_constant_values_have_the_values_of_rows(function, columns):
    metric = weighted_metric(function, columns)
    assert metric is not None
    values = by_weights(metric, len(columns["targets"]), 0)
    expected = np.array(by_rows(function, columns, 0))
    assert not np.isfinite(values[np.isnan(expected)]).any()
    sure = np.isfinite(values)
    assert np.allclose(values[sure], expected[sure], rtol=1e-12, atol=1e-12)
    if function is not r2:  # r2 is computed from rows if the targets hardly vary
        assert np.array_equal(sure, ~np.isnan(expected))


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "roc_auc", "macro_f1", "r2"])
def test_an_interval_is_that_of_rows(name, monkeypatch):
    columns = columns_of(name, 61, 2)
    function = getattr(importlib.import_module(f"bench_suite.metrics.{name}"), name)
    interval, _ = bootstrap_interval(function, columns)
    monkeypatch.setattr("bench_suite.stats.intervals.weighted_metric", lambda *_: None)
    expected, _ = bootstrap_interval(function, columns)
    assert interval is not None
    assert expected is not None
    assert math.isclose(interval.low, expected.low, abs_tol=1e-12)
    assert math.isclose(interval.high, expected.high, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("function", "columns", "reason"),
    [
        (roc_auc, {"targets": np.array([0] * 39 + [1]), "scores": np.linspace(0, 1, 40)}, "only one class occurs"),
        (mae, {"targets": np.arange(9.0), "predictions": np.arange(9.0) + 0.1}, None),
        (mae, {"targets": np.arange(9.0), "predictions": np.arange(9.0)}, "all resamples agree"),
    ],
)
def test_intervals_that_are_missing_have_the_reason_of_rows(function, columns, reason, monkeypatch):
    interval, message = bootstrap_interval(function, columns)
    monkeypatch.setattr("bench_suite.stats.intervals.weighted_metric", lambda *_: None)
    assert (interval is None, message) == ((other := bootstrap_interval(function, columns))[0] is None, other[1])
    assert reason is None or reason in str(message)


def metric_file(tmp_path, text: str) -> types.ModuleType:
    path = tmp_path / "closeness.py"
    path.write_text(f"import numpy as np\n{text}")
    spec = importlib.util.spec_from_file_location("some_closeness", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MEAN = "def closeness(targets, predictions): return float(np.abs(targets - predictions).mean())\n"


def test_the_mean_of_per_example_is_drawn_by_weights_and_checked_once(tmp_path):
    columns = columns_of("mae", 30, 0)
    right = metric_file(
        tmp_path, MEAN + "def per_example(targets, predictions): return np.abs(targets - predictions)\n"
    )
    metric = weighted_metric(right.closeness, columns)
    assert metric is not None
    assert np.allclose(by_weights(metric, 30, 0), by_rows(mae, columns, 0), rtol=1e-12)


@pytest.mark.parametrize(
    "form",
    [
        "",
        "def per_example(targets, predictions): return targets\n",
        "def per_example(targets, predictions): raise RuntimeError\n",
        "def by_weights(targets, predictions): return lambda weights: weights.sum(axis=1)\n",
        "def by_weights(targets): return lambda weights: weights.sum(axis=1)\n",
    ],
)
def test_a_metric_without_a_form_or_with_another_value_is_computed_from_rows(form, tmp_path):
    file = metric_file(tmp_path, MEAN + form)
    columns = columns_of("mae", 30, 0)
    assert weighted_metric(file.closeness, columns) is None
    interval, _ = bootstrap_interval(file.closeness, columns, resamples=RESAMPLES)
    expected, _ = bootstrap_interval(mae, columns, resamples=RESAMPLES)
    assert interval is not None
    assert expected is not None
    assert np.allclose([interval.low, interval.high], [expected.low, expected.high])


def test_a_form_gets_the_spec_that_its_metric_gets(tmp_path):
    file = metric_file(
        tmp_path,
        "def closeness(targets, spec): return float(targets.mean()) * spec['unit']\n"
        "def by_weights(targets, spec):\n"
        "    return lambda weights: weights @ targets / weights.sum(axis=1) * spec['unit']\n",
    )
    columns = {"targets": np.arange(9)}
    metric = weighted_metric(partial(file.closeness, spec={"unit": 3}), columns)
    assert metric is not None
    assert np.allclose(by_weights(metric, 9, 0), 3 * np.array(by_rows(lambda targets: targets.mean(), columns, 0)))


def test_functions_of_other_names_and_labels_that_only_all_classes_explain_are_computed_from_rows():
    assert weighted_metric(lambda targets: float(targets.mean()), {"targets": np.arange(5)}) is None
    assert weighted_metric(max, {"targets": np.arange(5)}) is None
    assert weighted_metric(bootstrap_interval, {"targets": np.arange(5)}) is None
    scores = np.array([[0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
    for labels in ([1, 2, 2], [-1, 1, 1]):
        assert log_loss(np.array(labels), scores) > 0
        assert weighted_metric(log_loss, {"targets": np.array(labels), "scores": scores}) is None
