"""The expected comparisons: p-values and intervals computed in a second way, and the wording of verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench_suite.contracts import Predictions, Record
from bench_suite.selftest import comparison_checks, runner
from bench_suite.selftest.checks import Check, Measured
from bench_suite.selftest.comparison_checks import BEYOND, DROP, FEW, NONE, TOLERANCE, Changed
from bench_suite.store.runs import Store

N = 2000


@pytest.fixture(scope="module")
def checks() -> dict[str, Check]:
    return {check.instrument: check for check in runner.plan_checks()[1] if check.instrument.startswith("compare")}


@pytest.fixture
def measured(checks: dict[str, Check], tmp_path: Path) -> Measured:
    """A run of the compared cell with nine tenths of its answers correct."""
    cell = next(iter(checks.values())).cell
    targets = np.arange(N) % 2
    predicted = np.where(np.arange(N) % 20 < 18, targets, 1 - targets)
    scores = np.where(np.arange(2) == predicted[:, None], 0.9, 0.1).astype(np.float32)
    predictions = Predictions("test", np.arange(N), {"targets": targets, "predictions": predicted, "scores": scores})
    run = Store(tmp_path).create("planted", {})
    environment = run.add_environment({"hardware": {"cpu": "a processor", "usable_cores": 2}})
    labels = {"task": "planted_noise", "model": "planted_memory", "seed": 0}
    record = Record(run.name, "planted", cell.id, "", labels, {}, "ok", environment=environment)
    record = replace(record, artifacts=(run.write_predictions(cell.id, "test", predictions),))
    return Measured(run, {cell.id: record})


def verdicts(measured: Measured, changed: Changed, **options: Any) -> tuple[str, int]:
    (id,) = measured.records
    cell = next(c for c in runner.plan_checks()[0].cells if c.id == id)
    comparison = comparison_checks.compare_changed(measured, cell, [[changed]], **options)
    (row,) = comparison.rows
    return row.verdict, comparison.status


def test_the_verdicts_are_those_that_the_exit_statuses_stand_for(measured: Measured) -> None:
    assert verdicts(measured, DROP) == ("regressed", 1)
    assert verdicts(measured, BEYOND, tolerance=TOLERANCE) == ("regressed", comparison_checks.REGRESSED)
    assert verdicts(measured, NONE, tolerance=TOLERANCE) == (
        "not worse than the tolerance",
        comparison_checks.NOT_WORSE,
    )
    assert verdicts(measured, FEW, tolerance=TOLERANCE, examples=10) == ("cannot tell", comparison_checks.CANNOT_TELL)


def test_every_check_holds_of_a_run_that_is_made_by_hand(measured: Measured, checks: dict[str, Check]) -> None:
    assert len(checks) == 15
    for name, check in checks.items():
        assert check.least <= check.read(measured) <= check.most, name


@pytest.mark.parametrize("changed", [DROP, Changed(3, 0), Changed(2, 9), Changed(0, 4)])
def test_the_p_of_a_drop_is_that_of_a_coin(changed: Changed) -> None:
    coins = changed.worse + changed.better
    exact = stats.binomtest(changed.worse, coins, 0.5, alternative="greater").pvalue
    assert comparison_checks.mid_p(changed) == pytest.approx(exact - stats.binom.pmf(changed.worse, coins, 0.5) / 2)


def test_the_interval_over_seeds_is_that_of_an_analysis_of_variance() -> None:
    """3 seeds × 40 examples: sums of squares from least-squares fits without one factor and with both."""
    d = comparison_checks.differences([Changed(2, 0), Changed(9, 1), Changed(14, 0)], 40)
    seed, example = (np.eye(size)[index.ravel()] for size, index in zip(d.shape, np.indices(d.shape)))

    def left(*factors: np.ndarray) -> float:
        table = np.column_stack([np.ones(d.size), *factors])
        fitted = table @ np.linalg.lstsq(table, d.ravel(), rcond=None)[0]
        return float(np.square(d.ravel() - fitted).sum())

    residual = left(seed, example)
    seeds, examples = (left(example) - residual) / 2, (left(seed) - residual) / 39
    v = max(examples + seeds - residual / 78, examples, seeds)
    df = v**2 / (seeds**2 / 2 + examples**2 / 39)
    assert comparison_checks.interval_half(d) == pytest.approx(stats.t.ppf(0.975, df) * np.sqrt(v / d.size))
