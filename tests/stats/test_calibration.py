"""Binned errors of confidence: textbook values, edges of bins, other packages, and cells that change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench_suite.stats.calibration import (
    BINS,
    ERRORS,
    Bins,
    bin_numbers,
    classwise_error,
    confidence_cells,
    equal_mass_numbers,
    errors_of,
    expected_error,
    top_label,
)

ORACLES = (
    # seed, drawn, n, a, b, temperature; ECE and MCE of netcal 1.4.0; l2 error of uncertainty-calibration 0.1.4; smECE
    # of relplot 1.0.3
    ((0, 200, 195, 2, 2, 1.0), 0.08157170441164824, 0.20961422557544973, 0.0, 0.04908353177571413),
    ((1, 1000, 990, 5, 1, 1.0), 0.028745215504127446, 0.23742545940014165, 0.0, 0.021987395939696626),
    ((2, 1000, 990, 3, 1, 2.0), 0.12254428507551057, 0.485938112521183, 0.11440547238553259, 0.10637473962895407),
    (
        (3, 3000, 3000, 0.8, 0.8, 1.5),
        0.05232927076288965,
        0.08958081889142455,
        0.04805914558974328,
        0.04783709173831795,
    ),
    ((4, 3000, 3000, 2, 0.4, 0.6), 0.053185853343791833, 0.1975531600144363, 0.06495249046911779, 0.054198228708193935),
)
"""Values of other packages for `drawn_confidences`: `netcal.metrics.ECE(15).measure(f, y)` and `MCE(15)`,
`calibration.utils.unbiased_l2_ce(bin(zip(f, y), get_equal_bins(f, 15)))`, and `relplot.smECE(f, y)`."""


def drawn_confidences(seed: int, drawn: int, n: int, a: float, b: float, temperature: float):
    random = np.random.default_rng(seed)
    confidences = random.beta(a, b, drawn)
    logits = np.log(confidences / (1 - confidences)) / temperature
    correct = random.random(drawn) < 1 / (1 + np.exp(-logits))
    return confidences[:n], correct[:n]


def all_errors(confidences: np.ndarray, correct: np.ndarray) -> dict[str, float]:
    cells = confidence_cells(confidences, correct)
    return {name: float(values[0]) for name, values in errors_of(cells, cells.right[None]).items()}


def test_the_textbook_value_with_a_confidence_of_exactly_one() -> None:
    """torchmetrics counts 1.0 in a bin of its own and has 0.525 (torchmetrics#3510)."""
    confidences, correct = np.array([0.95, 1.0]), np.array([True, False])
    assert expected_error(confidences, correct) == pytest.approx(0.475)
    assert expected_error(confidences.astype(np.float32), correct) == pytest.approx(0.475)
    assert all_errors(confidences, correct)["expected_calibration_error"] == pytest.approx(0.475)
    assert all_errors(confidences, correct)["maximum_calibration_error"] == pytest.approx(0.475)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_edge_belongs_to_the_bin_below_it_and_0_to_the_first(dtype: type) -> None:
    edges = np.array([number / BINS for number in range(BINS + 1)], dtype=dtype)
    assert bin_numbers(edges).tolist() == [0, *range(BINS)]
    assert bin_numbers(np.nextafter(edges[:-1], dtype(2))).tolist() == list(range(BINS))
    assert bin_numbers(np.nextafter(edges[-1:], dtype(2))).tolist() == [BINS - 1], "rounded above 1"


@pytest.mark.parametrize(("case", "ece", "mce", "debiased", "smooth"), ORACLES, ids=[str(row[0]) for row in ORACLES])
def test_errors_are_those_of_other_packages(
    case: tuple, ece: float, mce: float, debiased: float, smooth: float
) -> None:
    errors = all_errors(*drawn_confidences(*case))
    assert errors["expected_calibration_error"] == pytest.approx(ece, rel=1e-9)
    assert errors["maximum_calibration_error"] == pytest.approx(mce, rel=1e-9)
    assert errors["debiased_calibration_error"] == pytest.approx(debiased, rel=1e-9)
    # relplot's grid counts a node at 0 or 1 once, not twice as reflection asks, so it lacks part of the mass there.
    assert errors["smooth_calibration_error"] == pytest.approx(smooth, rel=0.05)


def test_the_expected_error_is_torchmetrics_where_no_confidence_lies_on_an_edge() -> None:
    functional = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics is not installed")
    import torch

    random = np.random.default_rng(3)
    scores = random.dirichlet(np.ones(5) / 2, 500)
    targets = random.integers(0, 5, 500)
    expected = functional.multiclass_calibration_error(
        torch.tensor(scores), torch.tensor(targets), num_classes=5, n_bins=15, norm="l1"
    )
    assert expected_error(*top_label(targets, scores)) == pytest.approx(float(expected), rel=1e-5)


def test_known_gaps_have_known_errors() -> None:
    """100 examples of confidence 0.9 are right in 80, and 300 of 0.6 in 210: gaps of 0.1 and −0.1."""
    confidences = np.repeat([0.9, 0.6], [100, 300])
    correct = np.concatenate([np.arange(100) < 80, np.arange(300) < 210])
    errors = all_errors(confidences, correct)
    assert errors["expected_calibration_error"] == pytest.approx(0.1)
    assert errors["equal_mass_calibration_error"] == pytest.approx(0.1), "equal confidences share a bin"
    assert errors["maximum_calibration_error"] == pytest.approx(0.1)
    chance = 0.25 * 0.8 * 0.2 / 99 + 0.75 * 0.7 * 0.3 / 299
    assert errors["debiased_calibration_error"] == pytest.approx(np.sqrt(0.01 - chance))


def test_debiasing_removes_what_chance_adds_on_average() -> None:
    """The mean of the debiased square is the true square, 0.01; the plain one is too large by the binomial variance."""
    random = np.random.default_rng(0)
    bins = Bins(np.array([20, 20, 20]), 20 * np.array([0.6, 0.75, 0.9]))
    right = random.binomial(20, [0.5, 0.65, 0.8], size=(40_000, 3)).astype(float)
    accuracy = right / 20
    squares = ((bins.confidences / 20 - accuracy) ** 2).mean(axis=1)
    debiased = squares - (accuracy * (1 - accuracy) / 19).mean(axis=1)
    assert debiased.mean() == pytest.approx(0.01, abs=3e-4)
    assert squares.mean() == pytest.approx(0.01 + (0.25 + 0.2275 + 0.16) / 60, abs=3e-4)
    assert np.allclose(bins.debiased_error(right), np.sqrt(np.maximum(debiased, 0)))
    assert bins.squared_error(20 * np.array([0.5, 0.65, 0.8])) == pytest.approx(0.1)


def test_a_bin_of_one_example_adds_nothing_to_the_debiased_error_and_an_empty_one_to_none() -> None:
    bins = Bins(np.array([1, 0, 10]), np.array([0.5, 0.0, 9.0]))
    right = np.array([[0.0, 0.0, 9.0]])
    assert bins.debiased_error(right) == pytest.approx(0.0)
    assert bins.expected_error(right) == pytest.approx(0.5 / 11)
    assert bins.maximum_error(right) == pytest.approx(0.5)


def test_bins_of_equal_mass_have_equal_numbers_of_examples_whatever_their_order() -> None:
    random = np.random.default_rng(0)
    confidences = random.random(15 * 8)
    numbers = equal_mass_numbers(confidences)
    assert np.bincount(numbers).tolist() == [8] * 15
    assert (np.diff(numbers[np.argsort(confidences)]) >= 0).all()
    order = random.permutation(len(confidences))
    assert (equal_mass_numbers(confidences[order]) == numbers[order]).all()
    assert len(np.unique(equal_mass_numbers(np.repeat([0.3, 0.4], 50)))) == 2


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(
    arrays(np.float32, n, elements=st.floats(0, 1, width=32)), arrays(np.bool_, n))))  # fmt: skip
def test_cells_give_the_errors_of_the_examples(pair: tuple[np.ndarray, np.ndarray]) -> None:
    confidences, correct = pair
    errors = all_errors(confidences, correct)
    assert errors["expected_calibration_error"] == pytest.approx(expected_error(confidences, correct), abs=1e-12)
    gaps = [
        abs(float((confidences[rows].astype(float) - correct[rows]).mean()))
        for number in range(BINS)
        if (rows := bin_numbers(confidences) == number).any()
    ]
    assert errors["maximum_calibration_error"] == pytest.approx(max(gaps), abs=1e-12)
    assert set(errors) == set(ERRORS)
    assert all(0 <= value <= 1 + 1e-9 for value in errors.values())


def test_the_classwise_error_is_the_mean_of_one_against_the_rest() -> None:
    random = np.random.default_rng(1)
    scores = random.dirichlet(np.ones(4), 300).astype(np.float32)
    targets = random.integers(0, 4, 300)
    expected = np.mean([expected_error(scores[:, k], targets == k) for k in range(4)])
    assert classwise_error(targets, scores) == pytest.approx(expected, rel=1e-6)


def test_an_unknown_error_is_refused() -> None:
    cells = confidence_cells(np.array([0.5]), np.array([True]))
    with pytest.raises(ValueError, match="is none of expected_calibration_error"):
        errors_of(cells, cells.right[None], ("sharpness",))
