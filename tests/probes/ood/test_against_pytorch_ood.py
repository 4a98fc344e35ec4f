"""Scores and metrics beside those of pytorch-ood: `pip install pytorch-ood`, then `pytest -s` of this file.

Its metrics take examples that are not of the task as positive. Those of the probe take test examples as positive, so
scores and labels are both turned round for the false positive rate.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench_suite.probes.ood import detection, scores

detector = pytest.importorskip(
    "pytorch_ood.detector", reason="pytorch-ood is not installed; no extra brings it", exc_type=ImportError
)
functional = pytest.importorskip("pytorch_ood.metrics.functional", exc_type=ImportError)

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.integers(0, 5, 2000)
WEIGHTS = RANDOM.normal(size=(8, 5)).astype(np.float32)


def draw(targets: np.ndarray | None, n: int) -> np.ndarray:
    """Return features (n, 8) around the mean of each class, or around 0."""
    means = 0.0 if targets is None else 3 * np.eye(5, 8)[targets]
    return (RANDOM.normal(size=(n, 8)) + means).astype(np.float32)


TRAIN, TEST, OTHERS = draw(TARGETS, 2000), draw(RANDOM.integers(0, 5, 500), 500), draw(None, 700)


def their_score(method: str, features: np.ndarray) -> np.ndarray:
    """Return pytorch-ood's scores, with the sign of ours: larger for what looks familiar."""
    values = torch.from_numpy(features)
    if method == "max_softmax":
        return -detector.MaxSoftmax.score(values @ torch.from_numpy(WEIGHTS)).numpy()
    if method == "energy":
        return -detector.EnergyBased.score(values @ torch.from_numpy(WEIGHTS)).numpy()
    if method == "mahalanobis":
        model = detector.Mahalanobis(torch.nn.Identity())
        model.fit_features(torch.from_numpy(TRAIN), torch.from_numpy(TARGETS))
        return -model.predict_features(values).numpy()
    model = detector.KNN(torch.nn.Identity(), k=10)
    model.fit_features(torch.from_numpy(TRAIN), torch.from_numpy(TARGETS))
    return -model.predict_features(values).numpy()


def our_score(method: str, features: np.ndarray) -> np.ndarray:
    if method == "max_softmax":
        return scores.likeliest_class(features @ WEIGHTS)
    if method == "energy":
        return scores.negative_energy(features @ WEIGHTS)
    if method == "mahalanobis":
        return scores.ClassGaussians.fit(TRAIN, TARGETS).score(features)
    return scores.neighbour_score(TRAIN, features, 10)


@pytest.mark.parametrize("method", ["max_softmax", "energy", "mahalanobis", "nearest_neighbours"])
def test_both_agree(method: str) -> None:
    ours, theirs = ([score(method, part) for part in (TEST, OTHERS)] for score in (our_score, their_score))
    familiar = torch.from_numpy(np.concatenate(theirs).astype(np.float64))
    labels = torch.cat([torch.zeros(500), -torch.ones(700)]).long()  # below 0: not of the task
    area = float(functional.auroc(-familiar, labels))
    rate = float(functional.fpr_at_tpr(familiar, -1 - labels))
    values = detection.auroc(*ours), detection.false_positive_rate(*ours)
    print(f"{method:20} AUROC {values[0]:.6f} beside {area:.6f}, rate {values[1]:.6f} beside {rate:.6f}")
    assert values[0] == pytest.approx(area, abs=2e-5)
    assert values[1] == pytest.approx(rate, abs=2e-3)
