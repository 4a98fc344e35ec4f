"""Planted line: the errors of the best regression equal the planted residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from bench_suite.contracts import DataInvalid
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.models import planted_rule
from bench_suite.tasks import planted_line


@pytest.mark.parametrize("stated", [{}, {"test": 40, "deviation": 1.5}], ids=["usual", "few and wide"])
def test_the_rules_errors_are_known_and_scikit_learn_finds_them(stated: dict[str, Any]) -> None:
    options = planted_line.Options(**stated)
    data = planted_line.load(options, Sources(offline=True))
    test = data.splits["test"]
    truth = test.take(np.arange(len(test)))["target"]
    predictions = planted_rule.build(data, planted_rule.Options()).predict(test)["predictions"]
    assert mean_absolute_error(truth, predictions) == pytest.approx(1.5 * options.deviation, rel=1e-12)
    assert root_mean_squared_error(truth, predictions) == pytest.approx(np.sqrt(2.5) * options.deviation, rel=1e-12)
    assert np.var(truth) == pytest.approx(planted_line.variance(options), rel=1e-12)
    known = 1 - 2.5 * options.deviation**2 / planted_line.variance(options)
    assert r2_score(truth, predictions) == pytest.approx(known, rel=1e-12)


def test_residuals_know_nothing_of_the_line_so_that_least_squares_finds_it_exactly() -> None:
    test = planted_line.load(planted_line.Options(), Sources()).splits["test"]
    raw = test.take(np.arange(len(test)))
    slope, intercept = np.polyfit(raw["table"][:, 0], raw["target"], 1)
    assert (slope, intercept) == pytest.approx((1, 0), abs=1e-12)


def test_no_example_stands_in_two_splits_and_a_size_that_is_no_multiple_of_four_is_refused() -> None:
    data = planted_line.load(planted_line.Options(data="sample"), Sources())
    assert {name: len(split) for name, split in prepare(data, 0.1).splits.items()} == {
        "train": 720,
        "validation": 80,
        "test": 800,
    }
    with pytest.raises(ValueError, match="test = 42 is not a multiple of four"):
        planted_line.check(planted_line.Options(test=42))
    with pytest.raises(DataInvalid, match="no group `age`"):
        planted_line.load(planted_line.Options(groups=("age",)), Sources())
