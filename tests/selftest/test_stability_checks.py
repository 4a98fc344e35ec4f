"""The known churn of planted seeds, and the known effects of mistakes, against independent computations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench_suite.selftest import runner, stability_checks
from bench_suite.selftest.checks import NOTHING, judge

CHECKS = {check.instrument: check for check in runner.plan_checks()[1] if check.cell.task.label == "planted_noise"}


def test_the_churn_is_that_of_the_planted_rows() -> None:
    seeds = np.zeros((3, 1000), dtype=int)
    for seed, rows in enumerate(stability_checks.PLANTED_ROWS):
        seeds[seed, slice(*rows)] = 1
    pairs = [(first != second).mean() for first, second in itertools.combinations(seeds, 2)]
    assert pairs == [0.1, 0.2, 0.2]
    check = CHECKS["stability/churn, three seeds"]
    assert check.known == pytest.approx(np.mean(pairs))
    assert judge(check, NOTHING).holds
    assert judge(CHECKS["stability/churn, half-width"], NOTHING).holds


@pytest.mark.parametrize(
    ("name", "simulate"),
    [
        ("dropout, second pass", lambda random: (random.random(300) < 0.25) != (random.random(300) < 0.25)),
        ("position, order", lambda random: np.arange(300) % 2 != random.permutation(300) % 2),
        (
            "batch norm, batch of 2",
            lambda random: np.array([0.5 * (a == b) for a, b in random.random((150, 2)) < 0.5]),
        ),
    ],
)
def test_the_share_that_a_mistake_changes_is_that_of_a_simulation(name, simulate) -> None:
    check = CHECKS[f"stability/changed_predictions, {name}"]
    random = np.random.default_rng(0)
    shares = [simulate(random).mean() for _ in range(400)]
    assert np.mean(shares) == pytest.approx(check.known, abs=0.01)
    assert check.least < min(shares)
    assert max(shares) < check.most
