"""Calibration: errors of confidences in bins, computed for one set of labels or for many simulated ones at once.

A classifier is calibrated if, among predictions of confidence c, a share c is right. The confidence of a prediction is
the largest of its scores. `ConfidenceCells` holds examples of nearly equal confidence together, so that a simulation
costs the same for a thousand examples and for a million.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench_suite.stats.smooth_calibration import smooth_error

BINS = 15
"Bins of every binned error (Guo et al. 2017, arXiv 1706.04599)."
CELLS_A_BIN = 32
"Cells of equal width in a bin: the position of a confidence is known within 1/480."
GRID = BINS * CELLS_A_BIN
ERRORS = (
    "expected_calibration_error",
    "equal_mass_calibration_error",
    "debiased_calibration_error",
    "smooth_calibration_error",
    "maximum_calibration_error",
)
"Errors of the confidence of the likeliest class."


def top_label(targets: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the confidence of the likeliest class, (n,), and whether it is the true one, (n,) bool.

    Args:
        targets: (n,) class numbers.
        scores: (n, classes) probabilities. The first of equal ones is the likeliest.
    """
    likeliest = scores.argmax(axis=1)
    return scores[np.arange(len(scores)), likeliest], likeliest == targets


def bin_numbers(confidences: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the number of each confidence's bin of equal width, 0 to bins − 1.

    Bin m is (m / bins, (m + 1) / bins]; the first one contains 0 too. The edges are rounded as the confidences are, so
    that a confidence of 0.2 in 32 bits lies on the edge 3 / 15, and one that rounding put above 1 in the last bin.
    """
    edges = (np.arange(bins + 1) / bins).astype(confidences.dtype)
    return np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, bins - 1)


def equal_mass_numbers(confidences: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the number of each confidence's bin if all bins have as many examples; equal confidences share a bin."""
    return np.searchsorted(np.sort(confidences), confidences, side="left") * bins // max(1, len(confidences))


# ── errors of binned sums ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Bins:
    """Examples by bin: their numbers and their confidences; the right predictions are an argument of each error."""

    counts: np.ndarray
    "(bins,) examples."
    confidences: np.ndarray
    "(bins,) sum of their confidences."

    def expected_error(self, right: np.ndarray) -> np.ndarray:
        """Return Σ (n_b / n) |confidence − accuracy| (Naeini et al. 2015): (…,) for right predictions (…, bins)."""
        return np.asarray(np.abs(self.confidences - right).sum(axis=-1) / self.counts.sum())

    def maximum_error(self, right: np.ndarray) -> np.ndarray:
        """Return the largest |confidence − accuracy| of a bin with examples (Naeini et al. 2015)."""
        return np.asarray((np.abs(self.confidences - right) / np.maximum(self.counts, 1)).max(axis=-1))

    def debiased_error(self, right: np.ndarray) -> np.ndarray:
        """Return the root of the debiased squared error, 0 if the square is negative.

        Σ (n_b / n) [(confidence − accuracy)² − accuracy (1 − accuracy) / (n_b − 1)] (Kumar, Liang and Ma 2019, arXiv
        1909.10155). The second term is what chance adds to the first one. A bin of one example counts as 0.
        """
        counts = np.maximum(self.counts, 1)
        accuracy = right / counts
        chance = accuracy * (1.0 - accuracy) / np.maximum(self.counts - 1, 1)
        squares = (self.confidences / counts - accuracy) ** 2 - chance
        weights = np.where(self.counts >= 2, self.counts, 0) / self.counts.sum()
        return np.sqrt(np.maximum((squares * weights).sum(axis=-1), 0.0))

    def squared_error(self, right: np.ndarray) -> np.ndarray:
        """Return the root of Σ (n_b / n) (confidence − accuracy)²: what the debiased error estimates."""
        squares = (self.confidences - right) ** 2 / np.maximum(self.counts, 1)
        return np.sqrt(squares.sum(axis=-1) / self.counts.sum())


def expected_error(confidences: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """Return the expected calibration error over bins of equal width.

    Args:
        confidences: (n,) probabilities that the predictions are right.
        correct: (n,) bool, whether they are.
        bins: number of bins.
    """
    numbers = bin_numbers(confidences, bins)
    counts, sums = np.bincount(numbers, minlength=bins), np.bincount(numbers, confidences.astype(np.float64), bins)
    return float(Bins(counts, sums).expected_error(np.bincount(numbers, correct, bins)))


def classwise_error(targets: np.ndarray, scores: np.ndarray, bins: int = BINS) -> float:
    """Return the mean over classes of the expected calibration error of one class's score (Kull et al. 2019).

    The label of an example is whether it is of the class (arXiv 1910.12656, section 2).

    Args:
        targets: (n,) class numbers.
        scores: (n, classes) probabilities.
        bins: number of bins.
    """
    numbers = bin_numbers(scores, bins)
    residuals = class_sums(numbers, scores.astype(np.float64), bins)
    classes = scores.shape[1]
    hits = targets * bins + numbers[np.arange(len(targets)), targets]
    residuals -= np.bincount(hits, minlength=classes * bins).reshape(classes, bins)
    return float(np.abs(residuals).sum() / (len(targets) * classes))


def class_sums(numbers: np.ndarray, scores: np.ndarray, bins: int) -> np.ndarray:
    """Return the sums of scores (n, classes) by class and bin, (classes, bins), from the numbers of their bins."""
    return np.stack([np.bincount(numbers[:, k], scores[:, k], bins) for k in range(scores.shape[1])])


# ── cells ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class ConfidenceCells:
    """Examples by confidence, in cells of width 1/480 that no bin divides."""

    counts: np.ndarray
    "(C,) examples of each cell; no cell is empty."
    confidences: np.ndarray
    "(C,) sum of their confidences."
    right: np.ndarray
    "(C,) number of right predictions among them."
    width_bins: np.ndarray
    "(C,) number of the bin of equal width."
    mass_bins: np.ndarray
    "(C,) number of the bin of equal mass."
    positions: np.ndarray
    "(C,) number of the cell's place in [0, 1], 0 to 479."

    @property
    def keys(self) -> np.ndarray:
        """The number of each cell, (C,), which does not depend on what other cells there are."""
        return self.positions * BINS + self.mass_bins

    @property
    def rates(self) -> np.ndarray:
        """The mean confidence of each cell, (C,): the share of right predictions if the model is calibrated."""
        return np.clip(self.confidences / self.counts, 0.0, 1.0)

    def bins(self, numbers: np.ndarray) -> Bins:
        """Return the bins of these numbers, (C,) one a cell."""
        return Bins(np.bincount(numbers, self.counts, BINS), np.bincount(numbers, self.confidences, BINS))


def confidence_cells(confidences: np.ndarray, correct: np.ndarray) -> ConfidenceCells:
    """Return the examples by cell.

    Args:
        confidences: (n,) probabilities that the predictions are right, at least one.
        correct: (n,) bool, whether they are.
    """
    positions, masses = bin_numbers(confidences, GRID), equal_mass_numbers(confidences)
    keys, cells = np.unique(positions * BINS + masses, return_inverse=True)
    return ConfidenceCells(
        np.bincount(cells), np.bincount(cells, confidences.astype(np.float64)), np.bincount(cells, correct),
        keys // BINS // CELLS_A_BIN, keys % BINS, keys // BINS,
    )  # fmt: skip


def errors_of(
    cells: ConfidenceCells, right: np.ndarray, names: tuple[str, ...] = ERRORS, *, expectations: bool = False
) -> dict[str, np.ndarray]:
    """Return some of `ERRORS` for numbers of right predictions by cell, (B, C): (B,) by name.

    Args:
        cells: the examples.
        right: (B, C), such as `cells.right[None]` or simulated numbers.
        names: the errors to compute.
        expectations: whether `right` holds expected numbers, to which chance adds nothing: nothing is then debiased.
    """
    by_width, by_mass = (right @ (own[:, None] == np.arange(BINS)) for own in (cells.width_bins, cells.mass_bins))
    width, mass = cells.bins(cells.width_bins), cells.bins(cells.mass_bins)
    errors: dict[str, np.ndarray] = {}
    for name in names:
        if name == "expected_calibration_error":
            errors[name] = width.expected_error(by_width)
        elif name == "equal_mass_calibration_error":
            errors[name] = mass.expected_error(by_mass)
        elif name == "debiased_calibration_error":
            errors[name] = mass.squared_error(by_mass) if expectations else mass.debiased_error(by_mass)
        elif name == "maximum_calibration_error":
            errors[name] = width.maximum_error(by_width)
        elif name == "smooth_calibration_error":
            residuals = np.zeros((len(right), GRID))
            starts = np.flatnonzero(np.diff(cells.positions, prepend=-1))  # cells of two bins may share a place
            sums = np.add.reduceat(cells.confidences - right, starts, axis=1)
            residuals[:, cells.positions[starts]] = sums / cells.counts.sum()
            errors[name] = smooth_error(residuals)
        else:
            raise ValueError(f"{name} is none of {', '.join(ERRORS)}")
    return errors
