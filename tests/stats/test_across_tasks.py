"""Summaries over tasks, against SciPy and closed forms."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from bench_suite.stats.across_tasks import (
    MAX_RESAMPLED_MODELS,
    MIN_TASKS,
    average_ranks,
    bradley_terry,
    interquartile_mean,
    mean_improvement,
    probability_of_improvement,
    wins_of,
)


def strict(means: np.ndarray) -> np.ndarray:
    """Return whether a model is better than another on each task, by its mean alone: (tasks, models, models)."""
    better: np.ndarray = means[:, :, None] > means[:, None]
    return better


def test_average_ranks_without_ties_are_those_of_scipy() -> None:
    means = np.random.default_rng(0).random((7, 5))
    expected = stats.rankdata(-means, axis=1).mean(axis=0)
    assert [one.value for one in average_ranks(strict(means))] == pytest.approx(expected)


def test_the_mean_improvement_is_the_mean_of_the_improvements_over_each_other_model() -> None:
    draws = np.random.default_rng(5)
    scores = [[draws.integers(6, size=seeds).astype(float) for seeds in (3, 1, 4)] for _ in range(6)]
    scores[2] = [np.append(own, [1.0, 2.0]) for own in scores[2]]  # the numbers of seeds differ, and values tie
    expected = [
        np.mean([probability_of_improvement(mine, other).value for other in scores if other is not mine])
        for mine in scores
    ]
    assert mean_improvement(scores) == pytest.approx(expected)


def test_many_models_have_strengths_without_intervals() -> None:
    better = strict(np.random.default_rng(6).random((MIN_TASKS, MAX_RESAMPLED_MODELS + 1)))
    strengths = bradley_terry(wins_of(better))
    assert all(one.interval is None and "more than" in one.reason for one in strengths)


def test_models_that_tie_share_their_ranks() -> None:
    better = np.zeros((1, 3, 3), dtype=bool)
    better[0, 0, 2] = True  # the first is better than the third; the second ties with both
    ranks = average_ranks(better)
    assert [one.value for one in ranks] == [1.5, 2.0, 2.5]
    assert "1 task: an interval over tasks needs 5" in ranks[0].reason


def test_the_interquartile_mean_is_the_trimmed_mean_of_scipy() -> None:
    draws = np.random.default_rng(1)
    scores = [[draws.random(4) for _ in range(3)] for _ in range(2)]
    expected = [stats.trim_mean(np.concatenate(tasks), 0.25) for tasks in scores]
    assert [one.value for one in interquartile_mean(scores)] == pytest.approx(expected)


def test_a_score_at_the_edge_of_the_middle_half_counts_in_part() -> None:
    (one,) = interquartile_mean([[np.array([0.0, 1.0, 2.0, 10.0, 50.0])]])  # 1.25 are cut at each end
    assert one.value == pytest.approx((0.75 * 1 + 2 + 0.75 * 10) / 2.5)


def test_the_interval_of_the_interquartile_mean_covers_the_truth() -> None:
    draws, covered = np.random.default_rng(2), 0
    for number in range(200):
        scores = [[draws.normal(task, 1.0, 10) for task in (0.0, 0.2, 0.4)]]
        (one,) = interquartile_mean(scores, seed=number)
        assert one.interval is not None
        covered += one.interval[0] <= 0.2 <= one.interval[1]
    assert 0.88 <= covered / 200 <= 0.99


def test_two_seeds_are_too_few_for_an_interval() -> None:
    (one,) = interquartile_mean([[np.array([0.5, 0.6])]])
    assert one.interval is None
    assert "fewer than 3 seeds" in one.reason


def test_the_probability_of_improvement_is_that_of_the_u_test() -> None:
    draws = np.random.default_rng(3)
    first, second = draws.integers(0, 5, 8).astype(float), draws.integers(0, 5, 6).astype(float)
    statistic = stats.mannwhitneyu(first, second).statistic
    one = probability_of_improvement([first], [second])
    assert one.value == pytest.approx(statistic / 48)
    assert one.interval is not None
    assert one.interval[0] <= one.value <= one.interval[1]
    assert probability_of_improvement([second], [first]).value == pytest.approx(1 - one.value)


def test_the_strengths_of_two_models_have_a_closed_form() -> None:
    wins = np.zeros((8, 2, 2))
    wins[:6, 0, 1], wins[6:, 1, 0] = 1, 1
    first, second = bradley_terry(wins)
    assert first.value - second.value == pytest.approx(math.log(6.5 / 2.5))
    assert first.value + second.value == pytest.approx(0, abs=1e-9)
    assert first.interval is not None


def test_the_strengths_maximise_the_likelihood() -> None:
    draws = np.random.default_rng(4)
    wins = wins_of(strict(draws.random((9, 4))))
    total = wins.sum(axis=0) + 0.5

    def loss(strengths: np.ndarray) -> float:
        odds = strengths[:, None] - strengths[None]
        return float((np.log1p(np.exp(-odds)) * total * (1 - np.eye(4))).sum()) + float(strengths.sum() ** 2)

    expected = optimize.minimize(loss, np.zeros(4), tol=1e-12).x
    assert [one.value for one in bradley_terry(wins)] == pytest.approx(expected, abs=1e-4)


def test_a_tie_is_half_a_win_and_a_model_that_wins_everywhere_has_a_finite_strength() -> None:
    tied = wins_of(np.zeros((3, 2, 2), dtype=bool))
    assert [one.value for one in bradley_terry(tied)] == pytest.approx([0.0, 0.0], abs=1e-9)
    always = np.zeros((MIN_TASKS, 2, 2))
    always[:, 0, 1] = 1
    first = bradley_terry(always)[0]
    assert math.isfinite(first.value)
    assert first.interval == pytest.approx((first.value, first.value))  # every resample is the same
