"""The mean of scores with its interval."""

import numpy as np
import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported.example_scores import check_scores, score_metric, standard_error
from bench_suite.stats.proportions import wilson


def test_right_and_wrong_answers_have_the_interval_of_wilson() -> None:
    row = score_metric("right", np.array([1.0] * 40 + [0.0] * 10), None)
    assert row.interval == wilson(40, 50)
    assert (row.unit, row.ideal, row.range, row.n) == ("fraction", 1.0, (0.0, 1.0), 50)


def test_all_right_is_no_certainty_and_equal_scores_have_no_interval() -> None:
    row = score_metric("right", np.ones(40), None)
    assert row.interval is not None
    assert row.interval.low < 1.0
    assert score_metric("points", np.full(40, 3.0), None).reason == "all scores are equal"
    assert score_metric("points", np.arange(9.0), None).interval is None


def test_clusters_that_repeat_a_score_count_once() -> None:
    values = np.random.default_rng(0).normal(size=50)
    repeated, clusters = np.repeat(values, 4), np.repeat(np.arange(50), 4)
    assert standard_error(repeated, clusters) == pytest.approx(standard_error(values, None))
    row = score_metric("points", repeated, clusters)
    assert row.interval is not None
    assert (row.interval.over, row.unit, row.range) == ("clusters", "score", None)


def test_coverage_of_the_interval_over_clusters() -> None:
    """Of 400 sets of 40 items with 3 repetitions each, about 95 % of the intervals contain the true mean 0.5."""
    random = np.random.default_rng(1)
    clusters, covered = np.repeat(np.arange(40), 3), 0
    for _ in range(400):
        chances = random.beta(1, 1, 40)
        row = score_metric("right", (random.random(120) < np.repeat(chances, 3)).astype(float), clusters)
        assert row.interval is not None
        covered += row.interval.low <= 0.5 <= row.interval.high
    assert 0.92 <= covered / 400 <= 0.98


def test_scores_outside_the_stated_range_are_named() -> None:
    with pytest.raises(BenchError, match="has -1 in row 2 and 1 more rows"):
        check_scores("score", np.array([0.0, -1.0, 2.0]), (0.0, 1.0))
    check_scores("score", np.array([0.0, -1.0, 2.0]), None)
