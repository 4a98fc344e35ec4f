"""The expected calibration values: each against an independent computation, and tolerances that hold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.models import planted_rule
from bench_suite.selftest import runner
from bench_suite.selftest.checks import Check
from bench_suite.stats.calibration import confidence_cells
from bench_suite.stats.calibration_null import estimate_errors
from bench_suite.tasks import planted_groups, planted_line

ECE = "expected_calibration_error"


@pytest.fixture(scope="module")
def known() -> dict[str, Check]:
    tasks = ("planted_groups", "planted_line")
    return {check.instrument: check for check in runner.plan_checks()[1] if check.cell.task.label in tasks}


@pytest.fixture(scope="module")
def rule() -> tuple[np.ndarray, np.ndarray]:
    """Targets and scores of the rule on test."""
    data = planted_groups.load(planted_groups.Options(), Sources(offline=True))
    outputs = planted_rule.build(data, planted_rule.Options()).predict(data.splits["test"])
    return column(data.splits["test"], "target"), outputs["scores"].astype(np.float64)


def test_parts_of_the_brier_score_are_those_of_scikit_learns_isotonic_regression(known, rule) -> None:
    targets, scores = rule
    curve = IsotonicRegression().fit(scores[:, 1], targets).predict(scores[:, 1])
    raw, best = (brier_score_loss(targets, values) for values in (scores[:, 1], curve))
    base = targets.mean() * (1 - targets.mean())
    assert known["calibration/brier_score"].known == pytest.approx(raw, rel=1e-6)
    assert known["calibration/brier_miscalibration"].known == pytest.approx(raw - best, rel=1e-5)
    assert known["calibration/brier_discrimination"].known == pytest.approx(base - best, rel=1e-5)
    assert known["calibration/brier_uncertainty"].known == pytest.approx(base)


def test_errors_are_those_of_the_rule(known, rule) -> None:
    targets, scores = rule
    gap = 0.9 - np.mean(scores.argmax(axis=1) == targets)
    assert known["calibration/overconfidence"].known == pytest.approx(gap)
    assert known[f"calibration/{ECE}"].known == pytest.approx(abs(gap))
    by_class = [
        sum(abs((scores[rows, k] - (targets[rows] == k)).sum()) for rows in (scores[:, 1] > 0.5, scores[:, 1] < 0.5))
        for k in (0, 1)
    ]
    assert known["calibration/classwise_calibration_error"].known == pytest.approx(np.mean(by_class) / 800, rel=1e-6)


def test_floors_and_the_width_stay_within_their_tolerance_whatever_the_seed(known, rule) -> None:
    targets, scores = rule
    cells = confidence_cells(scores.max(axis=1), scores.argmax(axis=1) == targets)
    for seed in range(30):
        estimate = estimate_errors(cells, simulations=1000, seed=seed, names=(ECE,))[ECE]
        for name, value in (
            ("calibration/calibration_floor", estimate.floor.median),
            ("calibration/calibration_floor_95", estimate.floor.upper),
            ("calibration error, interval width", estimate.interval.high - estimate.interval.low),
        ):
            assert known[name].least < value < known[name].most, name


def test_intervals_cover_half_of_the_line(known) -> None:
    data = planted_line.load(planted_line.Options(), Sources(offline=True))
    options = planted_rule.Options(half_width=0.375, level=0.6)
    outputs = planted_rule.build(data, options).predict(data.splits["test"])
    targets = column(data.splits["test"], "target")
    covered = (outputs["lower"] <= targets) & (targets <= outputs["upper"])
    assert known["calibration/interval_coverage"].known == covered.mean() == 0.5
    assert known["calibration/coverage_gap"].known == pytest.approx(covered.mean() - 0.6)
    missed = np.maximum(outputs["lower"] - targets, 0) + np.maximum(targets - outputs["upper"], 0)
    assert known["calibration/interval_score"].known == pytest.approx(0.75 + 2 / 0.4 * missed.mean())
    assert known["calibration/interval_width"].known == 0.75
