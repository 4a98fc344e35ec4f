"""Claims about the interval of a mean shift of scores."""

import numpy as np
import pytest

from bench_suite.probes.fairness.words import MIN_EXAMPLES, shift_interval
from bench_suite.stats.intervals import bootstrap_interval


@pytest.mark.parametrize("rest", [0.0, 3e-8, 1e-5])
def test_a_mean_shift_that_few_texts_make_has_a_reason_and_no_interval(rest):
    """A shift that is only rounding error, or a thousandth of the largest shift, counts as no shift."""
    shift = np.full(200, rest)
    shift[: MIN_EXAMPLES - 1] = np.linspace(0.1, 0.2, MIN_EXAMPLES - 1)
    interval, why = shift_interval(shift, 200)
    assert interval is None
    assert why == "the score changes for 19 of 200 texts; an interval needs 20"
    shift[MIN_EXAMPLES - 1] = 0.1
    interval, why = shift_interval(shift, 200)
    assert interval.low < shift.mean() < interval.high
    assert why is None


def test_where_no_score_moves_that_is_the_reason():
    assert shift_interval(np.zeros(30), 200) == (
        None,
        "the score changes for 0 of 30 texts; an interval needs 20",
    )


NORMAL, SKEWED = "normal", "exponential"


def drawn(random, n, share, kind):
    moves = random.random(n) < share
    return np.where(moves, random.normal(0.1, 0.2, n) if kind == NORMAL else random.exponential(0.1, n), 0.0)


def held(n, share, kind, trials):
    """Return the shares of test sets for which the bootstrap covers, ours exists, and ours covers if it exists."""
    random = np.random.default_rng(4)
    mean, plain, given, ours = 0.1 * share, 0, 0, 0
    for _ in range(trials):
        shift = drawn(random, n, share, kind)
        every, _ = bootstrap_interval(lambda shift: float(shift.mean()), {"shift": shift}, resamples=300)
        holds = every is not None and every.low <= mean <= every.high
        interval, _ = shift_interval(shift, 300)
        plain, given, ours = plain + holds, given + (interval is not None), ours + (interval is not None and holds)
    return plain / trials, given / trials, ours / given if given else None


def test_of_few_texts_that_move_the_plain_bootstrap_would_say_too_much():
    plain, given, _ = held(16, 0.1, SKEWED, trials=150)
    assert plain < 0.8
    assert given == 0


CASES = [
    (10, 0.1, SKEWED), (16, 0.1, SKEWED), (70, 0.1, SKEWED), (300, 0.1, SKEWED), (500, 0.05, SKEWED),
    (30, 1.0, SKEWED), (100, 0.3, NORMAL), (30, 1.0, NORMAL),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("n", "share", "kind"), CASES)
def test_coverage_of_a_mean_shift_as_the_page_states_it(n, share, kind):
    plain, given, ours = held(n, share, kind, trials=1000)
    coverage = "–" if ours is None else f"{ours:.3f}"
    print(f"\n| {n} | {share} | {kind} | {plain:.3f} | {given:.3f} | {coverage} |")
    assert given < 0.01 or ours > 0.9
