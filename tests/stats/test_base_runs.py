"""Several base runs: the variance between them, against analysis of variance and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench_suite.stats.base_runs import (
    base_runs,
    explained_by,
    runs_only_difference,
    with_base_runs,
    with_more_runs,
)
from bench_suite.stats.paired import nested_difference, p_not_worse, p_regressed
from bench_suite.stats.power import required_sample_size, with_more_examples, with_more_seeds


def drawn(seed: int, runs: int, seeds: int, n: int, between: float, of_seed: float = 0.02) -> np.ndarray:
    """Return values (runs, seeds, n) with noise of runs, of seeds and of examples."""
    random = np.random.default_rng(seed)
    values = random.normal(0, 0.3, (runs, seeds, n)) + random.normal(0, of_seed, (runs, seeds, 1))
    return values + random.normal(0, between, (runs, 1, 1)) + random.normal(0, 1, (1, 1, n))


def test_what_seeds_and_examples_explain_is_the_variance_of_a_run_without_a_part_of_its_own() -> None:
    """The truth: 0.02² / 4 + 0.3² / (4 · 200)."""
    explained = []
    for trial in range(200):
        values = drawn(trial, 5, 4, 200, between=0.05)
        explained.append(explained_by([nested_difference(run - values.mean(axis=0)) for run in values])[0])
    assert np.mean(explained) == pytest.approx(0.02**2 / 4 + 0.3**2 / 800, rel=0.15)


def test_the_variance_between_runs_is_what_seeds_and_examples_leave() -> None:
    runs = base_runs([0.1, 0.2, 0.3], 0.004)
    assert (runs.count, runs.between, runs.factor) == (3, pytest.approx(0.01 - 0.004), pytest.approx(4 / 3))
    assert base_runs([0.1, 0.2, 0.3], 0.02).between == 0.0
    assert base_runs([0.1, 0.1], 0.0).observed == 0.0


def test_fewer_than_two_runs_and_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two runs"):
        base_runs([0.1], 0.0)
    with pytest.raises(ValueError, match="not a finite number"):
        base_runs([0.1, math.nan], 0.0)


def test_the_runs_alone_are_students_test_for_one_further_value() -> None:
    """Welch's formula with one value on one side: t = (head − mean) / (s · √(1 + 1/N)), df = N − 1."""
    values, head = [0.90, 0.93, 0.91, 0.92], 0.80
    runs = base_runs(values, 0.0)
    difference = runs_only_difference(head - float(np.mean(values)), runs)
    t = (head - np.mean(values)) / (np.std(values, ddof=1) * math.sqrt(1 + 1 / 4))
    assert p_regressed(difference) == pytest.approx(stats.t.cdf(t, 3))
    assert p_not_worse(difference, 0.02) == pytest.approx(stats.t.sf(t + 0.02 / difference.error, 3))


def test_runs_that_are_equal_by_chance_vary_at_least_as_seeds_and_examples_do() -> None:
    assert runs_only_difference(-0.1, base_runs([0.9, 0.9], 0.0001)).variance == pytest.approx(0.0001 * 1.5)
    assert runs_only_difference(-0.1, base_runs([0.9, 0.9], 0.0)).variance == 0.0


def test_the_variance_between_runs_is_added_once_for_head_and_a_part_for_their_mean() -> None:
    paired = nested_difference(np.random.default_rng(0).normal(0, 1, (3, 50)))
    runs = base_runs([0.0, 1.0, 2.0], 0.25, 10)
    main = with_base_runs(paired, runs)
    assert main.variance == pytest.approx(paired.variance + 0.75 * 4 / 3)
    assert main.between_runs == pytest.approx(1.0)
    below = paired.variance**2 / paired.df + (1.0 * 4 / 3) ** 2 / 2
    assert main.df == pytest.approx(main.variance**2 / below)
    assert with_base_runs(paired, base_runs([0.0, 0.1], 0.25)) == paired


def test_more_examples_or_seeds_do_not_reduce_the_variance_between_runs() -> None:
    paired = nested_difference(np.random.default_rng(0).normal(0, 1, (3, 50)))
    main = with_base_runs(paired, base_runs([0.0, 1.0, 2.0], 0.25))
    assert with_more_examples(main, 10**8).variance == pytest.approx(1.0 + paired.seeds)
    assert with_more_seeds(main, 10**8).variance == pytest.approx(1.0 + paired.examples)
    assert with_more_examples(main, main.n).variance == pytest.approx(main.variance)
    assert with_more_seeds(main, main.count).df == pytest.approx(main.df, rel=0.2)
    assert required_sample_size(main, 0.5, 0.01) is None, "the runs alone vary more than is allowed"
    assert with_more_runs(base_runs([0.0, 1.0], 0.1), 9).count == 9


def test_runs_that_differ_more_than_seeds_and_examples_explain_are_noticed() -> None:
    assert base_runs([0.90, 0.90, 0.80, 0.80], 1e-5, 50).p_of_between() < 1e-6
    assert base_runs([0.90, 0.901, 0.899], 1e-5, 50).p_of_between() > 0.5
    assert base_runs([0.9, 0.8], 0.0).p_of_between() == 1.0, "nothing says how much noise explains"
    expected = stats.f.sf(0.01 / 0.002, 2, 20)
    assert base_runs([0.1, 0.2, 0.3], 0.002, 20).p_of_between() == pytest.approx(expected)
    chi_squared = stats.chi2.sf(2 * 0.01 / 0.002, 2)
    assert base_runs([0.1, 0.2, 0.3], 0.002).p_of_between() == pytest.approx(chi_squared)
