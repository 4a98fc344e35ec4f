"""Floors and tests of calibration hold their promises in simulation, and intervals cover the errors they are about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
import pytest

from bench_suite.stats.calibration import (
    BINS,
    ERRORS,
    GRID,
    bin_numbers,
    confidence_cells,
    equal_mass_numbers,
    errors_of,
)
from bench_suite.stats.calibration_null import (
    estimate_errors,
    floor_of,
    simulate_classes,
    two_sided,
)

ECE = ERRORS[:1]


def test_p_counts_the_observed_value_too_and_is_never_0() -> None:
    draws = np.array([0.1, 0.2, 0.3, 0.4])
    assert floor_of(0.5, draws).p == pytest.approx(1 / 5)
    assert floor_of(0.3, draws).p == pytest.approx(3 / 5)
    assert floor_of(0.0, draws).p == 1.0
    assert floor_of(0.3, draws).median == pytest.approx(0.25)
    assert floor_of(0.3, np.arange(101.0)).upper == pytest.approx(95.0)


def test_a_score_that_is_too_low_is_found_by_both_sides_only() -> None:
    draws = np.linspace(1, 2, 999)
    assert floor_of(0.5, draws).p == 1.0
    assert two_sided(0.5, draws).p == pytest.approx(2 / 1000)
    assert two_sided(2.5, draws).p == pytest.approx(2 / 1000)
    assert two_sided(1.5, draws).p == 1.0
    assert two_sided(0.5, draws).median == pytest.approx(1.5)


def floor(draw: Callable[[np.random.Generator, int], np.ndarray], n: int) -> float:
    """Return the median error of calibrated models over 20 sets of confidences."""
    random = np.random.default_rng(n)
    values = []
    for seed in range(20):
        confidences = draw(random, n)
        cells = confidence_cells(confidences, random.random(n) < confidences)
        values.append(estimate_errors(cells, simulations=99, seed=seed, names=ECE)[ECE[0]].floor.median)
    return float(np.median(values))


@pytest.mark.parametrize(
    ("name", "draw", "hundred", "thousands"),
    [
        ("beta(2, 0.4)", lambda random, n: random.beta(2.0, 0.4, n), 0.083, 0.019),
        ("even from 0.5 to 1", lambda random, n: random.uniform(0.5, 1, n), 0.089, 0.020),
        ("beta(5, 1)", lambda random, n: random.beta(5, 1, n), 0.081, 0.019),
        ("even from 0 to 1", lambda random, n: random.uniform(0, 1, n), 0.120, 0.027),
    ],
)
def test_floors_of_a_hundred_and_of_two_thousand_examples_as_the_page_states_them(
    name: str, draw: Callable[[np.random.Generator, int], np.ndarray], hundred: float, thousands: float
) -> None:
    small, large = floor(draw, 100), floor(draw, 2000)
    print(f"{name}: {small:.4f} at n = 100, {large:.4f} at n = 2,000")
    assert small == pytest.approx(hundred, abs=0.004)
    assert large == pytest.approx(thousands, abs=0.001)


def test_a_single_bin_has_the_floor_of_a_binomial() -> None:
    """The median of |share − 0.9| for n = 2,000 is 0.674 standard errors."""
    cells = confidence_cells(np.full(2000, 0.9), np.arange(2000) < 1800)
    estimate = estimate_errors(cells, simulations=4000, seed=0, names=ECE)[ECE[0]]
    assert estimate.value == pytest.approx(0.0, abs=1e-12)
    assert estimate.floor.median == pytest.approx(0.6745 * np.sqrt(0.09 / 2000), rel=0.06)
    assert estimate.floor.upper == pytest.approx(1.96 * np.sqrt(0.09 / 2000), rel=0.06)
    assert estimate.floor.p == 1.0
    assert (estimate.interval.low, estimate.excess_interval.low) == (0.0, pytest.approx(estimate.excess))
    assert estimate.interval.high >= estimate.floor.median, "errors below the floor cannot be told from none"


def test_the_same_predictions_have_the_same_numbers() -> None:
    random = np.random.default_rng(0)
    confidences = random.uniform(0.5, 1, 300)
    cells = confidence_cells(confidences, random.random(300) < confidences - 0.1)
    first, second = (estimate_errors(cells, simulations=99, seed=5) for _ in range(2))
    assert first == second
    assert estimate_errors(cells, simulations=99, seed=6) != first


@pytest.mark.parametrize("shape", [(5.0, 0.3), (1.0, 1.0)])
def test_examples_that_rounding_moves_to_cells_of_their_own_change_no_other_draw(shape: tuple[float, float]) -> None:
    """One example moves to the first cell, which was empty: all draws of one stream would move by one."""
    random = np.random.default_rng(3)
    confidences = np.sort(np.clip(random.beta(*shape, 2000), 0.02, 1))
    confidences[0] = np.nextafter(1 / GRID, 1)  # the lowest number of the second cell
    correct = random.random(2000) < confidences - 0.03
    moved = confidences.copy()
    moved[0] = 1 / GRID
    before, after = confidence_cells(confidences, correct), confidence_cells(moved, correct)
    assert (before.positions[0], after.positions[0]) == (1, 0)
    first, second = (estimate_errors(cells, simulations=199, seed=0) for cells in (before, after))
    for name, estimate in first.items():
        if name == "maximum_calibration_error":
            continue  # the bin of this one example decides it
        assert second[name].floor.median == pytest.approx(estimate.floor.median, rel=1e-3), name
        assert second[name].interval.high == pytest.approx(estimate.interval.high, rel=1e-3), name
        assert second[name].excess_interval.low == pytest.approx(estimate.excess_interval.low, abs=1e-4), name


def test_a_sure_model_that_is_wrong_lies_above_its_floor_and_its_interval_excludes_0() -> None:
    random = np.random.default_rng(4)
    confidences = random.uniform(0.6, 1, 1000)
    cells = confidence_cells(confidences, random.random(1000) < confidences - 0.15)
    for name, estimate in estimate_errors(cells, simulations=199, seed=0).items():
        if name == "maximum_calibration_error":
            continue
        assert estimate.floor.p == pytest.approx(1 / 200), name
        assert estimate.interval.low > 0.08, name
        assert estimate.interval.low < 0.15 < estimate.interval.high, name
        assert estimate.excess == pytest.approx(estimate.value - estimate.floor.median)
        assert 0 < estimate.excess_interval.low < estimate.excess < estimate.excess_interval.high, name


@pytest.mark.parametrize("confidence", [1.0, 0.9999])
def test_a_sure_model_without_an_error_may_have_been_lucky(confidence: float) -> None:
    """Of 100 examples none is wrong: a true share of up to 3.6 % wrong ones shows that in 2.5 % of test sets."""
    cells = confidence_cells(np.full(100, confidence), np.ones(100, dtype=bool))
    for name, estimate in estimate_errors(cells, simulations=199, seed=0).items():
        assert estimate.interval.low == 0.0, name
        assert 0.02 < estimate.interval.high < 0.04, name


# ── simulated classes ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("classes", [2, 5, 40])
def test_classes_are_drawn_with_their_probabilities(classes: int) -> None:
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(classes) / 3, 500).astype(np.float32)
    counts = np.zeros(classes)

    def count(labels: np.ndarray) -> dict[str, float]:
        counts[:] += np.bincount(labels, minlength=classes)
        return {"first": float((labels == 0).mean())}

    draws = simulate_classes(scores, count, simulations=200, seed=1)
    assert draws["first"].shape == (200,)
    expected = 200 * scores.sum(axis=0)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected.max())
    assert draws["first"].std() == pytest.approx(
        np.sqrt((scores[:, 0] * (1 - scores[:, 0])).sum()) / 500, rel=0.25
    )  # fmt: skip


def test_a_class_without_probability_is_never_drawn() -> None:
    scores = np.tile(np.array([0.0, 0.7, 0.0, 0.3, 0.0], dtype=np.float32), (1000, 1))
    seen: set[int] = set()

    def remember(labels: np.ndarray) -> dict[str, float]:
        seen.update(np.unique(labels).tolist())
        return {}

    assert simulate_classes(scores, remember, simulations=20, seed=0) == {}
    assert seen == {1, 3}


# ── error rates ─────────────────────────────────────────────────────────────────────────────────

Case = tuple[str, np.ndarray, np.ndarray]
"A name, confidences, and the true chance that each prediction is right."


def cases(random: np.random.Generator, n: int) -> Iterator[Case]:
    even, skewed = random.uniform(0.5, 1, n), random.beta(5, 0.3, n)
    yield "calibrated, even", even, even
    yield "calibrated, most near 1", skewed, skewed
    yield "0.05 too sure", even, np.clip(even - 0.05, 0, 1)
    yield "0.15 too sure", even, np.clip(even - 0.15, 0, 1)
    yield "temperature 2", even, 1 / (1 + np.sqrt((1 - even) / even))
    yield "all sure, 0.01 wrong", np.full(n, 0.9999), np.full(n, 0.99)
    yield "one bin by 0.3", even, np.where((even > 0.8) & (even <= 13 / 15), even - 0.3, even)


def true_errors(confidences: np.ndarray, chances: np.ndarray) -> dict[str, float]:
    cells = confidence_cells(confidences, np.zeros(len(confidences), dtype=bool))
    keys = bin_numbers(confidences, GRID) * BINS + equal_mass_numbers(confidences)
    right = np.bincount(np.unique(keys, return_inverse=True)[1], chances)
    return {name: float(values[0]) for name, values in errors_of(cells, right[None], expectations=True).items()}


def rates(
    n: int, trials: int, names: tuple[str, ...], chosen: Collection[str] | None = None, simulations: int = 199
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return by case and error how often the interval covers the true error, and how often p is at most 0.05.

    The cases are all, or the chosen ones.
    """
    covered: dict[tuple[str, str], list[bool]] = {}
    rejected: dict[tuple[str, str], list[bool]] = {}
    for trial in range(trials):
        random = np.random.default_rng([n, trial])
        for case, confidences, chances in cases(random, n):
            if chosen is not None and case not in chosen:
                continue
            cells = confidence_cells(confidences, random.random(n) < chances)
            truth = true_errors(confidences, chances)
            for name, estimate in estimate_errors(cells, simulations=simulations, seed=trial, names=names).items():
                inside = estimate.interval.low - 1e-9 <= truth[name] <= estimate.interval.high + 1e-9
                covered.setdefault((case, name), []).append(inside)
                rejected.setdefault((case, name), []).append(estimate.floor.p <= 0.05)
    return {key: (float(np.mean(covered[key])), float(np.mean(rejected[key]))) for key in covered}


def test_false_alarms_are_rare_and_a_sure_model_is_found() -> None:
    calibrated = ("calibrated, even", "calibrated, most near 1")
    for n in (100, 1000):
        chosen = rates(n, 60, ECE, (*calibrated, "0.15 too sure"), simulations=99)
        by_case = {case: row for (case, _), row in chosen.items()}
        for case in calibrated:
            assert by_case[case][1] <= 0.15, "0.05 and three standard errors of 60 trials"
            assert by_case[case][0] >= 0.85
        assert by_case["0.15 too sure"][1] >= (0.6 if n == 100 else 0.98)


def print_rates(n: int, trials: int, names: tuple[str, ...]) -> None:
    """Print the rates, and check them: within four standard errors of what they should be."""
    slack = 4 * np.sqrt(0.05 * 0.95 / trials)
    for (case, name), (covered, rejected) in rates(n, trials, names).items():
        print(f"n = {n:5} {case:24} {name:30} covered {covered:.3f} rejected {rejected:.3f}")
        if case.startswith("calibrated"):
            assert rejected <= 0.05 + slack, (case, name)
            assert covered >= 0.95 - slack, (case, name)
        elif name != "maximum_calibration_error":
            assert covered >= 0.85 - slack, (case, name)


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 2000])
def test_coverage_and_false_alarms_as_the_appendix_states_them(n: int) -> None:
    print_rates(n, 300, ECE)


@pytest.mark.slow
def test_coverage_and_false_alarms_of_every_error_as_the_appendix_states_them() -> None:
    print_rates(200, 60, ERRORS)
