"""The known separability of planted Gaussians: each value against an independent computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from bench_suite.probes.ood.detection import Scored, estimates
from bench_suite.selftest import ood_checks, runner
from bench_suite.selftest.checks import NOTHING, Check, judge


@pytest.fixture(scope="module")
def known() -> dict[str, Check]:
    return {c.instrument: c for c in runner.plan_checks()[1] if c.cell.task.label == "planted_gaussians"}


def test_the_values_are_those_of_many_gaussian_numbers(known: dict[str, Check]) -> None:
    random = np.random.default_rng(0)
    n = 400_000
    test, others = random.normal(size=n), random.normal(size=n) - 1.5
    labels = np.repeat([1, 0], n)
    assert known["ood/auroc"].known == pytest.approx(roc_auc_score(labels, np.r_[test, others]), abs=0.002)
    cut = np.quantile(test, 0.05)
    assert known["ood/fpr_at_95_tpr"].known == pytest.approx((others >= cut).mean(), abs=0.003)
    near = roc_auc_score(labels, -np.abs(np.r_[test, others]))
    assert known["ood/auroc, mahalanobis"].known == pytest.approx(near, abs=0.002)
    rate = (np.abs(others) <= np.quantile(np.abs(test), 0.95)).mean()
    assert known["ood/fpr_at_95_tpr, mahalanobis"].known == pytest.approx(rate, abs=0.003)


def test_the_error_of_the_auroc_is_that_of_repeated_draws() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat([1, 0], 200)
    areas = [roc_auc_score(labels, np.r_[random.normal(1.5, 1, 200), random.normal(size=200)]) for _ in range(600)]
    assert ood_checks.auroc_error(1.5, 200, 200) == pytest.approx(np.std(areas), rel=0.1)


def test_the_width_stays_within_its_tolerance_over_seeds_of_the_resamples(known: dict[str, Check]) -> None:
    check = known["ood/auroc, interval width"]
    grid = np.tile(stats.norm.ppf((np.arange(1000) + 0.5) / 1000), 2)
    widths = []
    for seed in range(20):
        interval = estimates(Scored(grid), Scored(grid - 1.5), ood_checks.RESAMPLES, seed)[0].interval
        assert interval is not None
        widths.append(interval.high - interval.low)
    assert check.least < min(widths)
    assert max(widths) < check.most
    assert check.most - check.known < 0.2 * check.known


def test_checks_of_planted_scores_need_no_records(known: dict[str, Check]) -> None:
    for name in ("energy of equal logits, auroc", "softmax of equal logits, auroc", "third neighbour, distance"):
        assert judge(known[name], NOTHING).holds, name
