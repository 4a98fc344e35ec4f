"""Proper scores: scikit-learn's published example, decompositions that sum, and floors from simulated classes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from bench_suite.metrics import brier_score
from bench_suite.probes.calibration import probabilities
from bench_suite.probes.calibration.probabilities import class_statistics, probability_metrics


@cache
def published(method: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return targets, probabilities and weights of scikit-learn's example "Probability calibration of classifiers"."""
    n = 50_000
    inputs, targets = make_blobs(
        n_samples=n, centers=[(-5, -5), (0, 0), (5, 5)], shuffle=False, random_state=42
    )  # fmt: skip
    targets[: n // 2], targets[n // 2 :] = 0, 1
    weights = np.random.RandomState(42).rand(n)
    train, test, known, truth, weight, used = train_test_split(
        inputs, targets, weights, test_size=0.9, random_state=42
    )  # fmt: skip
    model = GaussianNB() if method is None else CalibratedClassifierCV(GaussianNB(), cv=2, method=method)
    model.fit(train, known, **({} if method is None else {"sample_weight": weight}))
    return truth, model.predict_proba(test), used


@pytest.mark.parametrize(("method", "known"), [(None, 0.104), ("isotonic", 0.084), ("sigmoid", 0.109)])
def test_the_brier_scores_that_scikit_learn_publishes(method: str | None, known: float) -> None:
    targets, scores, weights = published(method)
    squares = brier_score.per_example(targets, scores)
    assert float(np.average(squares, weights=weights)) == pytest.approx(known, abs=0.0005), "its example has weights"
    assert brier_score.brier_score(targets, scores) == pytest.approx(brier_score_loss(targets, scores[:, 1]))


def test_isotonic_calibration_mends_miscalibration_and_hardly_changes_discrimination() -> None:
    raw, mended = (
        class_statistics(scores, 1).decomposition(targets)
        for targets, scores, _ in (published(None), published("isotonic"))
    )
    assert mended.miscalibration < 0.1 * raw.miscalibration
    assert mended.discrimination == pytest.approx(raw.discrimination, rel=0.03)
    assert mended.uncertainty == raw.uncertainty


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_the_parts_sum_to_the_score_of_any_number_of_classes(classes: int) -> None:
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(classes), 200)
    targets = random.integers(0, classes, 200)
    rows = {row.name: row for row in probability_metrics(targets, scores, None, 1, 99, 100) if not row.at}
    parts = [rows[f"brier_{name}"].value for name in ("miscalibration", "discrimination", "uncertainty")]
    assert parts[0] - parts[1] + parts[2] == pytest.approx(rows["brier_score"].value)
    assert rows["brier_score"].value == pytest.approx(brier_score_loss(targets, scores))
    assert all(row.interval or row.reason for row in rows.values())


def test_the_floors_of_proper_scores_are_their_expectations_under_the_scores() -> None:
    random = np.random.default_rng(1)
    scores = random.dirichlet(np.ones(4), 2000)
    targets = (scores.cumsum(axis=1) > random.random((2000, 1))).argmax(axis=1)
    floors = {name: floor for name, _, floor in class_statistics(scores, 1).floors(targets, 200)}
    assert floors["brier_score"].median == pytest.approx(1 - (scores**2).sum(axis=1).mean(), rel=0.01)
    entropy = -(scores * np.log(scores)).sum(axis=1).mean()
    assert floors["log_loss"].median == pytest.approx(entropy, rel=0.01)
    assert all(floor.p > 0.01 for floor in floors.values())


def test_a_model_that_is_not_sure_enough_scores_below_its_floor_and_p_says_so() -> None:
    scores = np.tile(np.array([0.4, 0.6]), (1000, 1))
    targets = (np.arange(1000) < 900).astype(int)
    rows = {(row.name, *row.at.values()): row for row in probability_metrics(targets, scores, None, 1, 99, 100)}
    assert rows["score_excess", "brier_score"].value < 0
    assert rows["score_p", "brier_score"].value == pytest.approx(2 / 100)


def test_many_classes_have_no_decomposition_but_all_other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probabilities, "MAX_CLASSES", 3)
    random = np.random.default_rng(2)
    scores, targets = random.dirichlet(np.ones(4), 100), random.integers(0, 4, 100)
    rows = {(row.name, *row.at.values()): row for row in probability_metrics(targets, scores, None, 1, 99, 100)}
    assert "too many" in rows["brier_miscalibration",].reason
    assert ("score_floor", "brier_miscalibration") not in rows
    assert rows["classwise_calibration_error",].value > 0


def test_large_test_sets_are_simulated_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    statistics = class_statistics(random.dirichlet(np.ones(3), 500), 1)
    targets = random.integers(0, 3, 500)
    counts = {name: floor.simulations for name, _, floor in statistics.floors(targets, 300)}
    assert counts == {
        "classwise_calibration_error": 300, "brier_score": 300, "log_loss": 300, "brier_miscalibration": 199
    }  # fmt: skip
    monkeypatch.setattr(probabilities, "WORK", 500 * 120)
    assert [floor.simulations for *_, floor in statistics.floors(targets, 300)] == [120, 120, 120, 99]
