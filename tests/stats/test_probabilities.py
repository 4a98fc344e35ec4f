"""The shared checks of scores: what metrics of probabilities, and ranks by one of two columns, can use."""

import numpy as np
import pytest

from bench_suite.stats.probabilities import require_constant_sum, require_probabilities

RANDOM = np.random.default_rng(0)
PROBABILITIES = RANDOM.dirichlet(np.full(50, 0.1), 500)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_probabilities_of_any_precision_pass(kind):
    require_probabilities(PROBABILITIES.astype(kind))


def test_probabilities_that_were_rounded_to_bfloat16_pass():
    rounded = PROBABILITIES.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    require_probabilities(rounded.view(np.float32))


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([[0.5, 0.5], [0.7, 0.7]], "sum to 1.4"),
        ([[0.5, 0.5], [0.2, 0.2]], "sum to 0.4"),
        ([[1.5, -0.5]], "one is -0.5"),
        ([[np.nan, 0.5]], "not a number"),
        ([[1, 1]], "sum to 2"),
        ([0.5, 0.5], r"must be \(n, classes\)"),
    ],
)
def test_other_scores_are_refused_with_the_reason(scores, reason):
    with pytest.raises(ValueError, match=reason):
        require_probabilities(np.array(scores))


def test_one_of_two_columns_ranks_examples_if_both_have_a_constant_sum():
    margins = RANDOM.normal(size=100)
    require_constant_sum(np.stack([-margins, margins], axis=1))
    require_constant_sum(np.stack([1 - PROBABILITIES[:, 0], PROBABILITIES[:, 0]], axis=1).astype(np.float16))
    with pytest.raises(ValueError, match="same sum"):
        require_constant_sum(RANDOM.normal(size=(100, 2)))


def test_two_columns_of_constant_sum_pass_and_others_do_not() -> None:
    require_constant_sum(np.zeros((0, 2)))
    require_constant_sum(np.array([[5.0, -2.0]]))
    require_constant_sum(np.array([[0.3, 0.7], [1.0, 0.0]]))
    require_constant_sum(np.array([[3.0, -3.0], [-1.0, 1.0]]))
    with pytest.raises(ValueError, match="do not have the same sum"):
        require_constant_sum(np.array([[3.0, 1.0], [-1.0, 1.0]]))
