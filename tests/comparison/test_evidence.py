"""Evidence: combination of the tests that must agree, as documented, and sign flips for seeds alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench_suite.comparison.evidence import Evidence
from bench_suite.stats.paired import (
    Difference,
    nested_difference,
    p_differs,
    p_not_worse,
    p_regressed,
    seeds_only_difference,
    welch_difference,
)
from bench_suite.stats.power import min_detectable_effect, min_detectable_loss

BASE, HEAD = [0.80, 0.82, 0.81], [0.80, 0.78, 0.79]
SEEDS = (seeds_only_difference([head - base for base, head in zip(BASE, HEAD)]), welch_difference(BASE, HEAD))


def certain(value: float, variance: float = 1e-6) -> Difference:
    return Difference(value, variance, 0.0, variance, math.inf, 1000, 3)


@pytest.mark.parametrize("tolerance", [0.0, 0.005, 0.05])
def test_without_seeds_the_test_of_the_difference_decides(tolerance: float) -> None:
    main = certain(-0.01, 1e-4)
    assert Evidence(main).p_regressed(tolerance) == p_regressed(main, tolerance)
    assert Evidence(main).p_not_worse(tolerance) == p_not_worse(main, tolerance)
    assert Evidence(main, SEEDS).p_differs() == p_differs(main), "of the difference alone"


def test_a_finding_must_hold_for_the_seeds_too_and_the_clearer_test_of_them_counts_twice() -> None:
    evidence = Evidence(certain(-0.02), SEEDS)
    assert evidence.p_regressed(0.0) == 2 * min(p_regressed(test) for test in SEEDS) > p_regressed(evidence.main)
    assert evidence.p_not_worse(0.1) == 2 * min(p_not_worse(test, 0.1) for test in SEEDS)
    weak = Evidence(certain(0.0, 1e-2), SEEDS)
    assert weak.p_regressed(0.01) == p_regressed(weak.main, 0.01) > 2 * min(p_regressed(test, 0.01) for test in SEEDS)
    assert evidence.p_not_worse(0.001) == 1.0, "twice a large p is 1"


@pytest.mark.parametrize(
    ("tolerance", "regressed", "not_worse"), [(0.0, 1 / 4, 1.0), (0.2, 3 / 4, 3 / 4), (0.5, 1.0, 1 / 4)]
)
def test_seeds_alone_are_judged_by_the_signs_of_what_lies_beyond_the_tolerance(tolerance, regressed, not_worse) -> None:
    flips = (-0.3, -0.1)
    evidence = Evidence(seeds_only_difference(flips), flips=flips, method="seeds")
    assert (evidence.p_regressed(tolerance), evidence.p_not_worse(tolerance)) == (regressed, not_worse)
    assert evidence.p_differs() == 1 / 2
    gained = tuple(-value for value in flips)
    assert Evidence(seeds_only_difference(gained), flips=gained).p_differs() == 1 / 2
    assert Evidence(seeds_only_difference([0.0, 0.0]), flips=(0.0, 0.0)).p_differs() == 1.0


def test_as_many_seeds_as_the_level_needs_find_something() -> None:
    flips = (-0.1, -0.2, -0.15, -0.12)
    main = seeds_only_difference(flips)
    evidence = Evidence(main, flips=flips, method="seeds")
    for level, detectable in ((1 / 16, True), (1 / 17, False)):
        effect, loss = evidence.min_detectable_effect(level), evidence.min_detectable_loss(0.01, level)
        assert (effect, loss) == (
            (min_detectable_effect(main, level), min_detectable_loss(main, 0.01, level))
            if detectable
            else (math.inf,) * 2
        )


@pytest.mark.parametrize("power", [0.95, 0.8])
def test_what_is_found_is_found_by_all_tests_that_must_agree(power: float) -> None:
    """The two tests of the seeds share the level, and the more significant one counts."""
    level = 0.01
    of_seeds = [min_detectable_effect(test, level / 2, power) for test in SEEDS]
    assert Evidence(certain(0.0), SEEDS).min_detectable_effect(level, power) == min(of_seeds) < max(of_seeds)
    wide = certain(0.0, 1.0)
    assert Evidence(wide, SEEDS).min_detectable_effect(level, power) == min_detectable_effect(wide, level, power)
    assert Evidence(wide).min_detectable_effect(level, power) == min_detectable_effect(wide, level, power)
    assert Evidence(wide).min_detectable_effect(level) == min_detectable_effect(wide, level)


@pytest.mark.parametrize("power", [0.95, 0.8])
@pytest.mark.parametrize("tolerance", [0.0, 0.02])
def test_lost_answers_vary_over_examples_and_over_seeds(tolerance: float, power: float) -> None:
    """A loss adds loss / n to the variance over examples, and loss / (nS) to that over seeds."""
    level, n = 0.01, 400
    d = np.zeros((3, n))
    d[:, :8], d[:, 8:12] = -1, 1
    d[0, 20], d[1, 21:23] = -1, 1
    main = nested_difference(d)
    base = [0.9] * 3
    seeds = (
        seeds_only_difference(list(d.mean(axis=1))),
        welch_difference(base, [value + mean for value, mean in zip(base, d.mean(axis=1))]),
    )
    of_examples = min_detectable_loss(main, tolerance, level, power, 1 / n)
    of_seeds = [min_detectable_loss(test, tolerance, level / 2, power, 1 / (3 * n)) for test in seeds]
    assert Evidence(main, seeds).min_detectable_loss(tolerance, level, power) == max(of_examples, min(of_seeds))
    assert Evidence(main).min_detectable_loss(tolerance, level, power) == of_examples
    assert Evidence(certain(0.0), seeds).min_detectable_loss(tolerance, level, power) == max(
        min_detectable_loss(certain(0.0), tolerance, level, power),
        min(min_detectable_loss(test, tolerance, level / 2, power) for test in seeds),
    ), "of numbers nothing is known"
