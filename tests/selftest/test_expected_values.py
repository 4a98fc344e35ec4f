"""The expected values of the planted cells: each against an independent computation, each tolerance by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from bench_suite.data.sources import Sources
from bench_suite.metrics.accuracy import accuracy
from bench_suite.models import planted_rule
from bench_suite.selftest import expected_values, runner
from bench_suite.selftest.checks import Check
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.tasks import planted_groups


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    return runner.plan_checks()[1]


def known(checks: list[Check], task: str) -> dict[str, Check]:
    return {check.instrument: check for check in checks if check.cell.task.label == task}


def test_every_cell_of_the_suite_has_something_to_be_checked(checks: list[Check]) -> None:
    pytest.importorskip("captum", reason="captum is not installed; the extra `attribution` brings it")
    plan, _, _ = runner.plan_checks()
    assert {check.cell.id for check in checks if check.needs_run} == {cell.id for cell in plan.cells}
    assert all(check.least <= check.known <= check.most for check in checks)
    assert {cell.threads for cell in plan.cells} == {1}


def test_what_is_known_of_classes_is_what_scikit_learn_finds(checks: list[Check]) -> None:
    data = planted_groups.load(planted_groups.Options(), Sources(offline=True))
    test = data.splits["test"]
    truth = test.take(np.arange(len(test)))["target"]
    predicted = planted_rule.build(data, planted_rule.Options()).predict(test)
    of = known(checks, "planted_groups")
    assert of["quality/accuracy"].known == pytest.approx((truth == predicted["predictions"]).mean())
    oracles = {
        "balanced_accuracy": balanced_accuracy_score(truth, predicted["predictions"]),
        "macro_f1": f1_score(truth, predicted["predictions"], average="macro"),
        "roc_auc": roc_auc_score(truth, predicted["scores"][:, 1]),
        "log_loss": log_loss(truth, predicted["scores"].astype(float)),
    }
    for name, oracle in oracles.items():
        assert of[f"quality/{name}"].known == pytest.approx(oracle, rel=1e-6), name


def test_the_answers_tell_one_metric_from_another(checks: list[Check]) -> None:
    of = known(checks, "planted_groups")
    values = [
        round(of[f"quality/{name}"].known, 6) for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
    ]
    assert len(set(values)) == 4


def test_an_interval_stays_within_its_tolerances_which_are_not_much_too_wide(checks: list[Check]) -> None:
    """60 test sets of the same counts in another order, with other draws: the tolerance is 4.9 standard deviations."""
    check = known(checks, "planted_groups")["accuracy, interval width"]
    random = np.random.default_rng(0)
    right = np.repeat([1, 0], [640, 160])
    widths, middles = [], []
    for _ in range(60):
        columns = {"targets": np.ones(800, dtype=np.int64), "predictions": random.permutation(right)}
        interval, _ = bootstrap_interval(accuracy, columns)
        assert interval is not None
        widths.append(interval.high - interval.low)
        middles.append((interval.low + interval.high) / 2)
    assert check.least < min(widths)
    assert max(widths) < check.most
    assert np.mean(widths) == pytest.approx(check.known, rel=0.02)
    deviations = (check.most - check.known) / np.std(widths)
    assert 4 < deviations < 9, deviations
    middle = known(checks, "planted_groups")["accuracy, interval middle"]
    assert middle.least < min(middles)
    assert max(middles) < middle.most
    assert 4 < (middle.most - middle.known) / np.std(middles) < 9


def test_an_accuracy_may_leave_its_tolerance_by_chance_once_in_a_million(checks: list[Check]) -> None:
    from scipy import stats

    check = next(c for c in checks if c.instrument == "quality/accuracy" and c.cell.model.label == "mlp")
    right = stats.binom(2000, 0.9)
    chance = right.cdf(np.ceil(check.least * 2000) - 1) + right.sf(np.floor(check.most * 2000))
    assert 1e-7 < chance < 1e-5


def test_a_pair_that_nothing_is_known_of_has_no_checks() -> None:
    plan, _, _ = runner.plan_checks()
    assert ("planted_noise", "planted_rule") not in expected_values.EXPECTED
    assert expected_values.checks_of(plan.cells[:0]) == []
