"""The reliability diagram: the isotonic curve, a band around the diagonal, and the numbers of examples."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from bench_suite.contracts import Artifact
from bench_suite.probes.calibration.diagram import POINTS, diagrams
from bench_suite.reports.plots import picture


def drawn(classes: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(classes), n).astype(np.float32)
    return (scores.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1), scores


def diagram(targets: np.ndarray, scores: np.ndarray) -> Artifact:
    (artifact,) = diagrams(targets, scores, [f"c{k}" for k in range(scores.shape[1])], 1, 200)
    return artifact


def test_two_classes_show_the_positive_one_and_more_show_the_confidence() -> None:
    assert diagram(*drawn(2)).data["x"] == "score of c1"
    assert diagram(*drawn(3)).data["x"] == "confidence"


def test_the_curve_is_the_isotonic_regression_and_the_histogram_counts_all_examples() -> None:
    targets, scores = drawn(2)
    data = diagram(targets, scores).data
    curve = np.array(data["series"]["measured (isotonic)"])
    expected = IsotonicRegression().fit(scores[:, 1], targets).predict(curve[:, 0])
    assert curve[:, 1] == pytest.approx(expected, abs=1e-6)
    assert len(curve) <= POINTS
    assert (np.diff(curve[:, 1]) >= 0).all()
    assert sum(count for *_, count in data["histogram"]) == len(targets)
    assert data["histogram"][0][0] == 0
    assert data["histogram"][-1][1] == 1


def test_the_band_surrounds_the_diagonal_and_holds_most_of_a_calibrated_curve() -> None:
    targets, scores = drawn(2)
    data = diagram(targets, scores).data
    band = np.array(data["series"]["calibrated, 95 % of curves"])
    assert (band[:, 0] == band[:, 1]).all()
    assert ((band[:, 2] <= band[:, 1]) & (band[:, 1] <= band[:, 3])).mean() > 0.9
    curve = np.array(data["series"]["measured (isotonic)"])
    at = np.interp(band[:, 0], curve[:, 0], curve[:, 1])
    assert ((band[:, 2] <= at) & (at <= band[:, 3])).mean() > 0.7


@pytest.mark.parametrize("score", [0.9, 0.5])
def test_one_distinct_score_can_be_drawn(score: float) -> None:
    scores = np.tile(np.array([1 - score, score], dtype=np.float32), (50, 1))
    content = picture(diagram(np.arange(50) % 2, scores))
    assert content is not None
    assert content.startswith(b"\x89PNG")
