"""Claims about ratios: known numbers, agreement with Welch's test and the bootstrap, and simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench_suite.stats.paired import nested_difference, p_not_worse, p_regressed, welch_difference
from bench_suite.stats.ratios import log_ratio_by_example, log_ratio_error, welch_contrast


def test_a_contrast_of_two_samples_is_welchs_difference() -> None:
    random = np.random.default_rng(0)
    base, head = random.normal(1, 0.1, 5), random.normal(1.2, 0.3, 9)
    expected, contrast = welch_difference(base, head), welch_contrast([head], [base])
    for name in ("value", "variance", "df", "count"):
        assert getattr(contrast, name) == pytest.approx(getattr(expected, name))


def test_a_contrast_of_four_samples_by_hand() -> None:
    # Means 2, 3, 5, 4; each variance 1 of three values, so V = 4 · 1/3 and df = (4/3)² / (4 · (1/3)² / 2) = 8.
    contrast = welch_contrast([[1, 2, 3], [2, 3, 4]], [[4, 5, 6], [3, 4, 5]])
    assert contrast.value == pytest.approx(2 + 3 - 5 - 4)
    assert contrast.variance == pytest.approx(4 / 3)
    assert contrast.df == pytest.approx(8)
    assert welch_contrast([[1, 1]], [[1, 1]]).df == math.inf


@pytest.mark.parametrize(("sample", "message"), [([1.0], "fewer than two"), ([1.0, math.inf], "not a finite number")])
def test_a_sample_without_a_spread_is_refused(sample: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        welch_contrast([sample], [[1.0, 2.0]])


def test_the_mean_of_the_contributions_is_the_logarithm_of_the_ratio() -> None:
    model, reference = np.array([[1, 1, 0, 1], [1, 0, 0, 1]]), np.array([[1, 0, 0, 1], [0, 0, 0, 1]])
    rows = log_ratio_by_example(model, reference)
    assert rows.mean(axis=1) == pytest.approx([math.log(0.75 / 0.5), math.log(0.5 / 0.25)])
    swapped = log_ratio_by_example(reference, model)
    assert swapped == pytest.approx(-rows), "the ratio of A to B is 1 / the ratio of B to A"
    with pytest.raises(ValueError, match="not above 0"):
        log_ratio_by_example(model, np.zeros((2, 4)))


def test_the_delta_method_agrees_with_the_bootstrap() -> None:
    random = np.random.default_rng(0)
    easy = random.random(400)
    model, reference = ((easy < share) ^ (random.random((1, 400)) < 0.1) for share in (0.85, 0.8))
    error = nested_difference(log_ratio_by_example(model, reference)).error
    draws = []
    for _ in range(4000):
        rows = random.integers(0, 400, 400)
        draws.append(math.log(model[0, rows].mean() / reference[0, rows].mean()))
    assert error == pytest.approx(np.std(draws), rel=0.05)


def test_models_that_are_right_on_the_same_examples_have_a_sharper_ratio() -> None:
    random = np.random.default_rng(1)
    right = random.random(1000) < 0.8
    same = nested_difference(log_ratio_by_example(right & (random.random(1000) < 0.95), right))
    other = nested_difference(log_ratio_by_example(random.random(1000) < 0.76, right))
    assert same.error < 0.5 * other.error


def test_errors_of_independent_values_add_in_squares() -> None:
    assert log_ratio_error([2.0, 10.0], [0.6, 4.0]) == pytest.approx(0.5)  # √(0.3² + 0.4²)


# ── simulation ──────────────────────────────────────────────────────────────────────────────────


def timing_rates(processes: int, spreads: tuple[float, ...], trials: int) -> tuple[float, float, float]:
    """Return the coverage of the 95 % interval of a ratio, false alarms at 1 %, and wrong *not worse* at 1 %."""
    random = np.random.default_rng(0)
    covered = alarms = missed = 0
    tolerance = -math.log1p(-0.05)
    for _ in range(trials):
        machines = random.normal(
            0, 1, 2
        )  # another machine in head: both models are faster or slower by the same factor
        model, reference = (
            [random.normal(machine, spread, processes) for machine, spread in zip(machines, spreads[side::2])]
            for side in (0, 1)
        )
        low, high = welch_contrast([model[1]], [reference[1]]).interval()
        covered += low <= 0 <= high
        change = welch_contrast([model[1], reference[0]], [reference[1], model[0]])
        alarms += p_regressed(change) <= 0.01
        worse = welch_contrast([model[1] - tolerance, reference[0]], [reference[1], model[0]])
        missed += p_not_worse(worse, tolerance) <= 0.01
    return covered / trials, alarms / trials, missed / trials


def answer_rates(seeds: int, n: int, spread: float, trials: int) -> tuple[float, float]:
    """Return the coverage of the 95 % interval of a ratio of accuracies, and of its change between two runs.

    Model and reference have true accuracies of 0.8 and 0.7 in both runs, which move with the seed; an example is easy
    or hard for all of them.
    """
    random = np.random.default_rng(0)
    truth, covered, changed = math.log(0.8 / 0.7), 0, 0
    for _ in range(trials):
        easy = random.random(n)

        def answers(share: float, easy: np.ndarray = easy) -> np.ndarray:
            moved = share + random.normal(0, spread, (seeds, 1))
            own = random.random((seeds, n)) < 0.3  # on these the model does not go by how easy an example is
            return np.where(own, random.random((seeds, n)) < moved, easy < moved)

        head, base = (log_ratio_by_example(answers(0.8), answers(0.7)) for _ in range(2))
        low, high = nested_difference(head).interval()
        covered += low <= truth <= high
        low, high = nested_difference(head - base).interval()
        changed += low <= 0 <= high
    return covered / trials, changed / trials


def test_a_ratio_covers_the_truth_about_as_often_as_its_interval_says() -> None:
    covered, alarms, missed = timing_rates(5, (0.1, 0.1, 0.1, 0.1), 500)
    assert covered >= 0.92
    assert alarms <= 0.025
    assert missed <= 0.025
    ratio, change = answer_rates(5, 500, 0.01, 200)
    assert ratio >= 0.9
    assert change >= 0.9


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_coverage_and_false_alarms_as_the_docs_state_them() -> None:
    """Printed by `pytest -m slow tests/stats/test_ratios.py -s`, quoted in docs/appendix/comparing.md."""
    print("\nprocesses  spreads                   coverage  false alarms  wrongly not worse")
    for processes in (5, 10, 20):
        for spreads in ((0.1, 0.1, 0.1, 0.1), (0.02, 0.2, 0.02, 0.2), (0.02, 0.02, 0.2, 0.2), (0.3, 0.02, 0.02, 0.02)):
            covered, alarms, missed = timing_rates(processes, spreads, 5000)
            print(f"{processes:9}  {spreads!s:24}  {covered:8.3f}  {alarms:12.4f}  {missed:17.4f}", flush=True)
            assert covered >= 0.94
            assert max(alarms, missed) <= 0.0155  # 0.01 and four standard errors
    print("\nseeds  examples  spread  coverage of the ratio  of its change")
    for seeds in (1, 3, 5, 10):
        for n in (200, 1000):
            for spread in (0.0, 0.02):
                if seeds == 1 and spread:
                    continue
                ratio, change = answer_rates(seeds, n, spread, 2000)
                print(f"{seeds:5}  {n:8,}  {spread:6}  {ratio:21.3f}  {change:13.3f}", flush=True)
                assert min(ratio, change) >= 0.91
