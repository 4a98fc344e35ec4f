"""Confidence: each error has an interval, and the headline's floor has no coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.metrics.expected_calibration_error import expected_calibration_error
from bench_suite.probes.calibration.confidence import HEADLINE, confidence_metrics, mean_gap
from bench_suite.stats.calibration import ERRORS


def test_the_errors_come_first_and_the_headline_is_that_of_the_metric_file() -> None:
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(3), 400).astype(np.float32)
    targets = random.integers(0, 3, 400)
    rows = list(confidence_metrics(targets, scores, None, 99, 100))
    assert [row.name for row in rows[: len(ERRORS)]] == list(ERRORS)
    assert rows[0].value == pytest.approx(expected_calibration_error(targets, scores), rel=1e-9)
    assert rows[0].name == HEADLINE
    assert not rows[0].at
    assert [row.name for row in rows[: len(ERRORS)] if row.interval is None] == ["maximum_calibration_error"]
    assert all(row.n == 400 and (row.interval or row.reason) for row in rows)
    assert [dict(row.at) for row in rows if row.name == "calibration_p"] == [
        {}, *({"error": name} for name in ERRORS[1:])
    ]  # fmt: skip


def test_the_gap_has_the_sign_of_too_much_confidence() -> None:
    correct = np.arange(100) < 70
    sure = mean_gap("overconfidence", np.full(100, 0.9), correct, None, 200)
    unsure = mean_gap("overconfidence", np.full(100, 0.5), correct, None, 200)
    assert (sure.value, unsure.value) == pytest.approx((0.2, -0.2))
    assert sure.interval.low > 0 > unsure.interval.high


def test_one_example_has_no_interval_of_an_error_or_of_an_excess() -> None:
    rows = list(confidence_metrics(np.array([1]), np.array([[0.4, 0.6]]), None, 99, 100))
    assert all(row.interval is None and row.reason for row in rows)
    assert rows[0].value == pytest.approx(0.4)
