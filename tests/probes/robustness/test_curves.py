"""Curves: known errors by hand, one resample for all of them, and what has no value."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import Artifact
from bench_suite.probes.robustness.corruptions import Examples
from bench_suite.probes.robustness.curves import Settings, corruption_curves, mean_root
from bench_suite.probes.robustness.tables import CORRUPTIONS as TABLES
from bench_suite.stats.intervals import bootstrap_interval

N = 400


def table(wrong: int = 80) -> dict[str, np.ndarray]:
    """Return rows whose first column has the sign of the class, but for the first ones."""
    target = np.arange(N) % 2
    sign = np.where(np.arange(N) < wrong, -1, 1) * (2 * target - 1)
    return {"table": np.stack([sign * (1.0 + np.arange(N) / N), np.arange(N) * 1.0], axis=1), "target": target}


def by_sign(raw):
    return (np.asarray(raw["table"])[:, 0] > 0).astype(np.int64)


def measured(cell, names, severities=(1, 3, 5), rows=None):
    rows = np.arange(len(cell.data.splits["test"])) if rows is None else rows
    settings = Settings(names, severities, 500)
    items = list(corruption_curves(cell, Examples.of(cell.data), rows, settings))
    metrics = {(m.name, *m.at.values()): m for m in items if not isinstance(m, Artifact)}
    assert all(m.reason or m.interval for m in metrics.values())
    return metrics, {item.name: item for item in items if isinstance(item, Artifact)}


def test_a_corruption_that_changes_no_answer_has_the_error_of_clean_examples_at_each_severity(rule_cell):
    metrics, artifacts = measured(rule_cell(table(), by_sign), ["units"])
    for severity in (1, 3, 5):
        assert metrics["accuracy", "units", severity].value == pytest.approx(0.8)
    assert metrics["corruption_error", "units"].value == pytest.approx(0.2)
    assert metrics["mean_corruption_error",].value == pytest.approx(0.2)
    points = artifacts["curves"].data["series"]["units"]
    assert [point[0] for point in points] == [0, 1, 3, 5]
    assert {round(point[1], 9) for point in points} == {0.8}


def test_errors_are_averaged_over_severities_and_then_over_corruptions(rule_cell):
    metrics, _ = measured(rule_cell(table(), by_sign), ["units", "missing_values"])
    of = {name: [1 - metrics["accuracy", name, s].value for s in (1, 3, 5)] for name in ("units", "missing_values")}
    for name, errors in of.items():
        assert metrics["corruption_error", name].value == pytest.approx(np.mean(errors))
    assert metrics["mean_corruption_error",].value == pytest.approx(np.mean([*of.values()]))
    assert metrics["corruption_error", "missing_values"].value > 0.2


def test_equal_errors_at_all_severities_do_not_narrow_the_interval_of_their_mean(rule_cell):
    metrics, _ = measured(rule_cell(table(), by_sign), ["units"])
    one, mean = metrics["accuracy", "units", 3].interval, metrics["corruption_error", "units"].interval
    assert (mean.low, mean.high) == pytest.approx((1 - one.high, 1 - one.low), abs=1e-9)


def test_all_intervals_come_from_the_same_resamples(rule_cell, monkeypatch):
    from bench_suite.probes.robustness import curves

    seeds = set()

    def watched(function, columns, **options):
        seeds.add(options["seed"])
        return bootstrap_interval(function, columns, **options)

    monkeypatch.setattr(curves, "bootstrap_interval", watched)
    measured(rule_cell(table(), by_sign), ["units", "missing_values"])
    assert len(seeds) == 1


def test_only_the_drawn_examples_are_corrupted_and_predicted(rule_cell):
    cell = rule_cell(table(), by_sign)
    metrics, _ = measured(cell, ["units"], rows=np.arange(0, 40))
    assert metrics["accuracy", "units", 1].value == 0.0
    assert metrics["accuracy", "units", 1].n == 40
    assert cell.predicted == [N, 40, 40, 40]
    assert len(cell.data.splits["test"]) == N
    assert cell.reported
    assert "units" in cell.reported[0]


def test_clusters_give_intervals_over_clusters(rule_cell):
    cell = rule_cell(table(), by_sign, clusters=np.arange(N) // 20)
    metrics, _ = measured(cell, ["units"])
    assert metrics["mean_corruption_error",].interval.over == "clusters"


def test_a_regression_has_root_mean_squared_errors(rule_cell):
    random = np.random.default_rng(0)
    values = random.standard_normal((N, 2))
    raw = {"table": values, "target": values[:, 0] + 0.1 * random.standard_normal(N)}
    cell = rule_cell(raw, lambda raw: np.asarray(raw["table"])[:, 0], problem="regression")
    metrics, artifacts = measured(cell, ["noise"])
    for severity in (1, 3, 5):
        known = np.hypot(0.1, TABLES["noise"].amounts[severity - 1] * values[:, 0].std())
        assert metrics["rmse", "noise", severity].value == pytest.approx(known, rel=0.15)
    mean = np.mean([metrics["rmse", "noise", severity].value for severity in (1, 3, 5)])
    assert metrics["corruption_rmse", "noise"].value == pytest.approx(mean)
    assert metrics["mean_corruption_rmse",].value == pytest.approx(mean)
    assert artifacts["curves"].data["y"] == "root mean squared error"
    assert mean_root(np.array([[1.0, 16.0], [1.0, 16.0]])) == pytest.approx(2.5)


def test_predictions_that_cannot_be_used_cost_that_corruption_and_the_mean_and_nothing_else(rule_cell):
    values = np.random.default_rng(0).standard_normal((N, 2))
    cell = rule_cell(
        {"table": values, "target": values[:, 0]}, lambda raw: np.asarray(raw["table"])[:, 0], problem="regression"
    )
    metrics, _ = measured(cell, ["noise", "missing_values"])
    assert metrics["corruption_rmse", "noise"].value > 0
    assert metrics["rmse", "missing_values", 1].value is None
    assert "finite" in metrics["rmse", "missing_values", 1].reason
    assert "finite" in metrics["corruption_rmse", "missing_values"].reason
    assert metrics["mean_corruption_rmse",].value is None
    assert "missing_values" in metrics["mean_corruption_rmse",].reason


def test_a_table_of_categories_has_no_noise_and_says_so(rule_cell):
    raw = {"table": (np.arange(N)[:, None] // [1, 2]) % 2 * 1.0, "target": np.arange(N) % 2}
    metrics, _ = measured(rule_cell(raw, lambda raw: (np.asarray(raw["table"])[:, 0] > 0) * 1), ["noise", "units"])
    assert "two different values" in metrics["corruption_error", "noise"].reason
    assert metrics["mean_corruption_error",].reason
