"""Claims about tests that look several times: their levels add up, and a p-value holds at any look."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench_suite.stats.sequential import looks, nominal_level, nominal_levels, sequential_p, spent


@pytest.mark.parametrize(
    ("first", "most", "numbers"),
    [
        (3, 15, (3, 5, 8, 12, 15)), (2, 4, (2, 3, 4)), (5, 5, (5,)), (5, 15, (5, 8, 12, 15)),
        (3, 30, (3, 5, 8, 12, 18, 27, 30)),
    ],
)  # fmt: skip
def test_each_look_has_half_as_many_seeds_again(first: int, most: int, numbers: tuple[int, ...]) -> None:
    assert looks(first, most) == numbers


@pytest.mark.parametrize(("first", "most"), [(1, 5), (5, 4), (0, 0)])
def test_a_range_without_a_spread_or_backwards_is_refused(first: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"from {first} to {most} seeds"):
        looks(first, most)


def test_one_look_spends_the_whole_level() -> None:
    assert nominal_levels([1.0], 0.01) == pytest.approx([0.01])


@pytest.mark.parametrize("level", [0.05, 0.01, 0.001])
def test_the_chance_of_any_rejection_is_what_may_be_spent(level: float) -> None:
    """Against the joint normal law of the looks, integrated by SciPy."""
    fractions = [0.2, 1 / 3, 8 / 15, 0.8, 1.0]
    boundaries = stats.norm.isf(nominal_levels(fractions, level))
    for count in range(1, len(fractions) + 1):
        times = np.array(fractions[:count])
        correlation = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
        none = stats.multivariate_normal(cov=correlation, seed=1, maxpts=10**6, abseps=1e-7).cdf(boundaries[:count])
        assert 1 - none == pytest.approx(spent(fractions[count - 1], level), abs=2e-5)


def test_looks_at_the_same_examples_err_less_often_than_independent_ones() -> None:
    """Part of each difference is shared by all looks, as that of the test examples is."""
    numbers, random = np.array(looks(3, 15)), np.random.default_rng(0)
    shared = random.normal(0, 0.2, (200_000, 1))
    of_seeds = random.normal(size=(200_000, 15))
    means = np.stack([of_seeds[:, :number].mean(axis=1) for number in numbers], axis=1) + shared
    z = means / np.sqrt(0.2**2 + 1 / numbers)
    levels = [nominal_level(3, 15, look, 0.01) for look in range(len(numbers))]
    assert (z > stats.norm.isf(levels)).any(axis=1).mean() < 0.0095


@pytest.mark.parametrize("level", [0.3, 0.01, 1e-4, 1e-8, 1e-30])
@pytest.mark.parametrize("look", range(5))
def test_the_p_value_of_a_look_at_its_nominal_level_is_the_level_of_the_sequence(level: float, look: int) -> None:
    p_values = [1.0] * look + [nominal_level(3, 15, look, level)]
    assert sequential_p(3, 15, p_values) == pytest.approx(level, rel=1e-6)


def test_what_is_rejected_stays_rejected() -> None:
    early = sequential_p(3, 15, [1.0, 1e-6])
    assert sequential_p(3, 15, [1.0, 1e-6, 0.9, 0.9]) == early < 0.01
    assert sequential_p(3, 15, [1.0] * 5) == 1.0
    assert sequential_p(3, 15, [5e-324]) <= 1e-299


def test_no_look_is_more_lenient_than_a_single_one() -> None:
    for p in (0.2, 0.01, 1e-5):
        for look in range(5):
            assert sequential_p(3, 15, [1.0] * look + [p]) >= p * (1 - 1e-9)


def test_levels_between_the_computed_ones_are_near_the_exact_ones() -> None:
    fractions = [number / 15 for number in looks(3, 15)]
    for level in (0.01 / 3, 0.01 / 7, 0.02):
        for look, exact in enumerate(nominal_levels(fractions, level)):
            assert math.isclose(nominal_level(3, 15, look, level), exact, rel_tol=2e-3)
