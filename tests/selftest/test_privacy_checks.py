"""The expected answers of `privacy`: each against scikit-learn or SciPy on the planted data themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.models import planted_memory
from bench_suite.selftest import runner
from bench_suite.selftest.checks import Check
from bench_suite.tasks import planted_noise


@pytest.fixture(scope="module")
def known() -> dict[str, Check]:
    names = ("privacy/", "true_positive_rate", "audit_")
    return {check.instrument: check for check in runner.plan_checks()[1] if check.instrument.startswith(names)}


@pytest.fixture(scope="module")
def scores() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return of a trained memory: score of the true class, and whether the label is flipped, of train and of test."""
    data = prepare(planted_noise.load(planted_noise.Options(), Sources(offline=True)), 0.1)
    model, parts = planted_memory.build(data, planted_memory.Options()), []
    model.fit(data, None, None)
    for name in ("train", "test"):
        split = data.splits[name]
        targets = column(split, "target")
        parts += [model.predict(split)["scores"][np.arange(len(split)), targets]]
        parts += [(split.take(np.arange(len(split)))["table"][:, 0] > 0) != (targets == 1)]
    return tuple(parts)


def area(members: np.ndarray, others: np.ndarray) -> float:
    return roc_auc_score(np.repeat([1, 0], [len(members), len(others)]), np.concatenate([members, others]))


def test_counts_and_areas_are_those_of_the_planted_data(known, scores):
    members, flipped, others, others_flipped = scores
    assert (known["privacy/members"].known, known["privacy/non_members"].known) == (len(members), len(others))
    assert known["privacy/auc of loss"].known == pytest.approx(area(members, others))
    assert known["privacy/advantage of loss"].known == pytest.approx(1 - np.mean(others > 0.5))
    likely = known["privacy/auc of likelihood_ratio"]
    # An example with a flipped label is told apart: a member above, another one below all examples of no difference.
    assert likely.least <= area(flipped.astype(float), -others_flipped.astype(float)) <= likely.most
    offline = known["privacy/auc of likelihood_ratio_offline"]
    assert offline.least <= area(flipped.astype(float), np.zeros(len(others))) <= offline.most
    assert (likely.most - likely.least) / 2 < 0.01


def test_bounds_of_intervals_are_those_of_scipy(known):
    low = stats.binomtest(1800, 2000).proportion_ci(0.95, method="wilson")
    own = stats.binomtest(900, 900).proportion_ci(0.95, method="wilson")
    newcombe = 0.1 - math.hypot(1 - own.low, low.high - 0.9)
    assert known["privacy/advantage of loss, lower bound"].known == pytest.approx(newcombe)
    exact = stats.binomtest(0, 900).proportion_ci(0.95, method="exact")
    assert known["true_positive_rate, upper bound"].known == pytest.approx(exact.high)
    placements = np.repeat([0.5, 1.0], [1800, 200])
    width = 2 * stats.norm.ppf(0.975) * placements.std(ddof=1) / math.sqrt(2000)
    assert known["privacy/auc of loss, width"].known == pytest.approx(width)


def test_the_share_of_right_guesses_is_what_chance_gives_and_a_coin_is_outside(known):
    """180 of 200 excluded canaries look like excluded ones, and 20 like the 200 that are included."""
    random, check = np.random.default_rng(0), known["privacy/audit_accuracy"]
    shares = []
    for _ in range(500):
        coins = random.random(400) < 0.5
        looks = coins | (random.random(400) < 0.1)
        order = np.lexsort((random.random(400), looks))
        shares.append((coins[order[-60:]].sum() + (~coins[order[:60]]).sum()) / 120)
    assert check.least < min(shares)
    assert max(shares) <= check.most
    assert check.least > 0.5
