"""The probe on classifiers: known answers, what is absent with a reason, and predictions that were stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench_suite.components import discovery
from bench_suite.contracts import Artifact, Metric, Predictions
from bench_suite.probes import calibration
from bench_suite.probes.calibration import Options
from bench_suite.probes.calibration.classes import measure_classes, unusable
from bench_suite.probes.calibration.floors import DEPENDENT
from bench_suite.stats.calibration import ERRORS
from bench_suite.store.formats import predictions_from_parquet, predictions_to_parquet

FAST = Options(simulations=99, resamples=100)
CLASSES = ("no", "yes")


def columns(n: int, confidence: float, right: float, classes: int = 2) -> dict[str, np.ndarray]:
    """Return predictions of equal confidence, of which a share is right in every class."""
    targets = np.arange(n) % classes
    wrong = np.arange(n) // classes >= round(right * n / classes)
    predictions = np.where(wrong, (targets + 1) % classes, targets)
    scores = np.full((n, classes), (1 - confidence) / (classes - 1), dtype=np.float32)
    scores[np.arange(n), predictions] = confidence
    return {"targets": targets, "predictions": predictions, "scores": scores}


def measured(trained, options: Options = FAST) -> dict[tuple, Metric]:
    items = list(calibration.probe(trained, options))
    rows = [(item.name, tuple(item.at.values())) for item in items if isinstance(item, Metric)]
    assert len(rows) == len(set(rows)), "each metric has coordinates of its own"
    assert all(item.name in calibration.METRICS for item in items if isinstance(item, Metric))
    return {(item.name, *item.at.values()): item for item in items if isinstance(item, Metric)}


def test_a_sure_model_has_its_known_error_without_coordinates_and_a_temperature_that_mends_it(written) -> None:
    same = columns(1000, 0.9, 0.8)
    metrics = measured(written({"test": same, "validation": same}))
    assert metrics["expected_calibration_error",].value == pytest.approx(0.1, abs=1e-6)
    assert metrics["overconfidence",].value == pytest.approx(0.1, abs=1e-6)
    assert metrics["temperature",].value == pytest.approx(np.log(9) / np.log(4), rel=1e-5)
    assert metrics["scaled_calibration_error",].value == pytest.approx(0.0, abs=1e-5)
    assert metrics["temperature_gain",].value == pytest.approx(
        metrics["log_loss",].value - metrics["scaled_log_loss",].value
    )
    assert metrics["temperature_gain",].value > 0
    assert metrics["calibration_p",].value == pytest.approx(1 / 100)
    assert metrics["calibration_p", "scaled_calibration_error"].value > 0.5


def test_every_error_has_its_floor_beside_it(written) -> None:
    metrics = measured(written({"test": columns(600, 0.7, 0.6, 3)}, classes=("a", "b", "c")))
    scores = ("brier_score", "brier_miscalibration", "log_loss")
    for name in (*ERRORS, "classwise_calibration_error", *scores):
        kind, at = ("score" if name in scores else "calibration"), (() if name == ERRORS[0] else (name,))
        floor, upper = (metrics[f"{kind}_{part}", *at].value for part in ("floor", "floor_95"))
        assert 0 <= floor <= upper
        assert metrics[f"{kind}_excess", *at].value == pytest.approx(metrics[name,].value - floor)
        assert 0 < metrics[f"{kind}_p", *at].value <= 1


def test_the_table_has_each_error_beside_its_floor(written) -> None:
    same = columns(600, 0.7, 0.6)
    items = list(calibration.probe(written({"test": same, "validation": same}), FAST))
    (table,) = (item.data for item in items if isinstance(item, Artifact) and item.name == "floors")
    values = {(item.name, *item.at.values()): item.value for item in items if isinstance(item, Metric)}
    assert [row[0] for row in table["rows"]] == [
        *ERRORS, "classwise_calibration_error", "brier_score", "log_loss", "brier_miscalibration",
        "scaled_calibration_error",
    ]  # fmt: skip
    assert table["rows"][0][1:] == [
        values["expected_calibration_error",], *(values[f"calibration_{part}",] for part in
                                                 ("floor", "floor_95", "excess", "p"))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("splits", "reason"),
    [
        ({}, "set validation above 0"),
        ({"validation": columns(20, 0.9, 0.8)}, "20 validation examples are too few"),
        ({"validation": {**columns(100, 0.9, 0.8), "targets": np.zeros(100, dtype=int)}}, "of the class no"),
        ({"validation": columns(100, 0.9, 1.0)}, "always the true one"),
    ],
)
def test_a_temperature_that_cannot_be_fitted_is_absent_with_the_reason(written, splits: dict, reason: str) -> None:
    metrics = measured(written({"test": columns(200, 0.9, 0.8), **splits}))
    for name in ("temperature", "scaled_calibration_error", "scaled_log_loss", "temperature_gain"):
        assert metrics[name,].value is None
        assert reason in metrics[name,].reason
    assert metrics["expected_calibration_error",].value is not None


def test_no_temperature_is_fitted_if_the_option_says_so(written) -> None:
    same = columns(200, 0.9, 0.8)
    metrics = measured(written({"test": same, "validation": same}), replace(FAST, temperature=False))
    assert ("temperature",) not in metrics


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"scores": np.tile(np.array([2.0, -1.0]), (100, 1))}, "no probabilities"),
        ({"scores": np.tile(np.array([0.9, 0.5]), (100, 1))}, "sum to 1.4"),
        ({"score_classes": np.zeros((100, 2), dtype=int)}, "only the highest scores"),
    ],
)
def test_scores_that_are_no_probabilities_make_every_metric_absent(written, changed: dict, reason: str) -> None:
    metrics = measured(written({"test": {**columns(100, 0.9, 0.8), **changed}}))
    assert {metric.value for metric in metrics.values()} == {None}
    assert all(reason in metric.reason for metric in metrics.values())
    assert {("expected_calibration_error",), ("brier_score",), ("temperature",), ("calibration_p",)} <= set(metrics)


def test_a_model_without_scores_says_so() -> None:
    assert "no scores" in unusable(Predictions("test", np.arange(2), {"targets": np.array([0, 1])}))
    empty = {"targets": np.zeros(0, dtype=int), "scores": np.zeros((0, 2))}
    assert unusable(Predictions("test", np.arange(0), empty)) == "there are no examples"


def test_a_test_split_of_one_class_has_errors_but_nothing_to_tell_apart(written) -> None:
    one = {**columns(100, 0.9, 0.8), "targets": np.zeros(100, dtype=int)}
    metrics = measured(written({"test": one}))
    assert metrics["expected_calibration_error",].value is not None
    for name in ("classwise_calibration_error", "brier_miscalibration", "brier_discrimination"):
        assert "one class" in metrics[name,].reason
        assert ("calibration_floor", name) not in metrics
        assert ("score_floor", name) not in metrics


def test_examples_of_clusters_have_no_p_and_no_interval_of_an_error(written) -> None:
    clustered = {**columns(200, 0.9, 0.8), "cluster": np.arange(200) // 10}
    metrics = measured(written({"test": clustered}))
    assert metrics["calibration_p",].value is None
    assert metrics["expected_calibration_error",].interval is None
    assert metrics["expected_calibration_error",].reason == DEPENDENT
    assert metrics["overconfidence",].interval.over == "clusters"


@pytest.mark.parametrize("classes", [2, 4])
def test_scores_that_differ_by_a_billionth_have_the_same_floors_and_intervals(classes: int) -> None:
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(classes), 300)
    targets = random.integers(0, classes, 300)
    groups = {"site": np.where(np.arange(300) % 2, "a", "b")}
    moved = scores + 1e-9 * random.standard_normal(scores.shape)
    names = list("abcd")[:classes]
    values = []
    for drawn in (scores, moved / moved.sum(axis=1, keepdims=True)):
        test = Predictions("test", np.arange(300), {"targets": targets, "scores": drawn}, groups)
        items = list(measure_classes(test, test, names, 1, FAST))
        bounds = [(item.interval.low, item.interval.high) for item in items if getattr(item, "interval", None)]
        (band,) = (item.data["series"] for item in items if isinstance(item, Artifact) and item.name == "reliability")
        points = np.array(band["calibrated, 95 % of curves"])
        metrics = [item.value or 0.0 for item in items if isinstance(item, Metric)]
        values.append([*metrics, *np.ravel(bounds), *points.ravel()])
    assert values[1] == pytest.approx(values[0], rel=1e-5, abs=1e-6)


def test_stored_predictions_alone_give_the_same_numbers() -> None:
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(4), 300).astype(np.float32)
    targets = random.integers(0, 4, 300)
    drawn = {"targets": targets, "predictions": scores.argmax(axis=1), "scores": scores}
    groups = {"site": np.where(np.arange(300) % 2, "a", "b")}
    test = Predictions("test", np.arange(300), drawn, groups)
    stored = predictions_from_parquet(predictions_to_parquet(test))
    first, second = (
        list(measure_classes(predictions, predictions, list("abcd"), 1, FAST)) for predictions in (test, stored)
    )
    assert [item for item in first if isinstance(item, Metric)] == [item for item in second if isinstance(item, Metric)]
    assert {item.name for item in first if isinstance(item, Artifact)} == {"reliability", "groups", "floors"}


def test_only_what_depends_on_validation_is_not_of_the_test_predictions() -> None:
    facts = discovery.find("probes", "calibration", Path()).facts
    assert facts["OF_PREDICTIONS"]
    others = {name for name, metric in facts["METRICS"].items() if metric.get("of_predictions") is False}
    assert others == {"temperature", "scaled_calibration_error", "scaled_log_loss", "temperature_gain"}
