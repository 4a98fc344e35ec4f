"""The expected importances: each value against a simulation of the best rule, and its tolerance by the spread."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import foldnorm

from bench_suite.selftest import runner
from bench_suite.selftest.checks import Check
from bench_suite.selftest.importance_checks import MEAN_MAGNITUDE

EXAMPLES, DRAWS = 800, 300


def known(model: str) -> dict[str, Check]:
    checks = runner.plan_checks()[1]
    return {c.instrument: c for c in checks if (c.cell.task.label, c.cell.model.label) == ("planted_columns", model)}


def drops(columns: int) -> np.ndarray:
    """Return the mean drop of accuracy over the columns of a rule that adds them, for each of many test splits."""
    random, values = np.random.default_rng(0), []
    for _ in range(DRAWS):
        target = np.arange(EXAMPLES) % 2
        table = random.standard_normal((EXAMPLES, columns)) + (2.0 * target - 1)[:, None]
        total = table.sum(axis=1)
        before = ((total > 0) == target).mean()
        after = [
            ((total - table[:, at] + random.permutation(table[:, at]) > 0) == target).mean()
            for at in range(columns)
            for _ in range(5)
        ]
        values.append(before - np.mean(after))
    return np.array(values)


@pytest.mark.parametrize(
    ("model", "instrument", "columns"),
    [
        ("linear", "importance/accuracy_drop of signals", 4),
        ("first_column", "importance/accuracy_drop, one column", 1),
    ],
)
def test_the_drop_is_that_of_simulated_splits_and_its_tolerance_is_not_too_narrow(
    model: str, instrument: str, columns: int
) -> None:
    check, values = known(model)[instrument], drops(columns)
    assert values.mean() == pytest.approx(check.known, abs=4 * values.std() / DRAWS**0.5)
    assert 4 < (check.most - check.known) / values.std() < 12
    assert check.least > 0, "a shuffle that changes nothing is outside"


def test_the_mean_magnitude_is_that_of_a_folded_normal_distribution() -> None:
    assert pytest.approx(foldnorm.mean(1.0)) == MEAN_MAGNITUDE
    random = np.random.default_rng(0)
    magnitudes = np.abs(random.standard_normal((DRAWS, EXAMPLES, 4)) + 1.0).mean(axis=(1, 2)) / 2**0.5
    pytest.importorskip("captum", reason="captum is not installed; the extra `attribution` brings it")
    check = known("linear")["integrated gradients / saliency"]
    assert magnitudes.mean() == pytest.approx(check.known, abs=0.002)
    assert 4 < (check.most - check.known) / magnitudes.std() < 8
