"""Scores of familiarity against scikit-learn, SciPy and values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from bench_suite.probes.ood.scores import ClassGaussians, likeliest_class, negative_energy, neighbour_score

RANDOM = np.random.default_rng(3)
LOGITS = RANDOM.normal(size=(200, 5)) * 3


def test_the_log_odds_rank_as_the_maximum_softmax_does() -> None:
    scores = likeliest_class(LOGITS)
    softmax = special.softmax(LOGITS, axis=1).max(axis=1)
    assert special.expit(scores) == pytest.approx(softmax)
    assert (np.argsort(scores) == np.argsort(softmax)).all()


def test_confident_examples_are_still_ranked_where_a_softmax_in_32_bits_is_1() -> None:
    logits = np.array([[0.0, 60.0], [0.0, 80.0], [0.0, 1000.0]])
    assert (special.softmax(logits.astype(np.float32), axis=1).max(axis=1) == 1.0).all()
    assert likeliest_class(logits).tolist() == pytest.approx([60.0, 80.0, 1000.0])


def test_energy_is_scipys_logsumexp_and_knows_the_constant_that_a_softmax_loses() -> None:
    assert negative_energy(LOGITS) == pytest.approx(special.logsumexp(LOGITS, axis=1))
    assert negative_energy(LOGITS + 7) == pytest.approx(negative_energy(LOGITS) + 7)
    assert likeliest_class(LOGITS + 7) == pytest.approx(likeliest_class(LOGITS))
    assert negative_energy(special.log_softmax(LOGITS, axis=1)) == pytest.approx(np.zeros(200)), "of probabilities: 0"


def test_mahalanobis_is_scikit_learns_distance_with_the_covariance_within_classes() -> None:
    targets = RANDOM.integers(0, 3, 400)
    mixed = RANDOM.normal(size=(6, 6))
    features = RANDOM.normal(size=(400, 6)) @ mixed + 4 * np.eye(3, 6)[targets]
    others = RANDOM.normal(size=(50, 6)) @ mixed
    means = np.stack([features[targets == number].mean(axis=0) for number in range(3)])
    covariance = EmpiricalCovariance(assume_centered=True).fit(features - means[targets])
    distances = np.stack([covariance.mahalanobis(others - mean) for mean in means])
    scores = ClassGaussians.fit(features, targets).score(others)
    assert scores == pytest.approx(-distances.min(axis=0))


def test_features_that_never_vary_do_not_count() -> None:
    targets = RANDOM.integers(0, 2, 300)
    features = RANDOM.normal(size=(300, 3)).astype(np.float32)
    dead = np.concatenate([features, np.zeros((300, 2), np.float32), 2 * features[:, :1]], axis=1)
    plain, padded = ClassGaussians.fit(features, targets), ClassGaussians.fit(dead, targets)
    assert padded.whitening.shape == (6, 3)
    assert padded.score(dead) == pytest.approx(plain.score(features), rel=1e-4)


def test_a_class_that_does_not_occur_has_no_gaussian() -> None:
    targets = np.where(RANDOM.random(100) < 0.5, 1, 4)
    assert len(ClassGaussians.fit(RANDOM.normal(size=(100, 2)), targets).means) == 2


def test_the_distance_of_gaussian_features_has_the_auroc_of_a_noncentral_f_distribution() -> None:
    """χ²(δ²) exceeds χ² of d degrees with probability P(F'(d, d, δ²) > 1)."""
    d, shift, n = 4, 2.0, 4000
    targets = np.repeat([0, 1], n // 2)
    means = 20 * targets[:, None] * np.eye(1, d)
    model = ClassGaussians.fit(RANDOM.normal(size=(n, d)) + means, targets)
    test = model.score(RANDOM.normal(size=(n, d)) + means)
    others = model.score(RANDOM.normal(size=(n, d)) + means + shift * np.eye(1, d, 2))
    known = stats.ncf.sf(1.0, d, d, shift**2)
    area = (test[:, None] > others[None, ::4]).mean()
    assert area == pytest.approx(known, abs=0.02)


@pytest.mark.parametrize("k", [1, 10])
def test_neighbours_are_scikit_learns_on_features_of_length_1(k: int) -> None:
    train, features = RANDOM.normal(size=(700, 8)), 5 * RANDOM.normal(size=(1100, 8))

    def scaled(values: np.ndarray) -> np.ndarray:
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    oracle = NearestNeighbors(n_neighbors=k).fit(scaled(train)).kneighbors(scaled(features))[0][:, -1]
    done: list[int] = []
    assert neighbour_score(train, features, k, done.append) == pytest.approx(-oracle, abs=2e-6)
    assert done == [512, 1024, 1100]


def test_a_feature_of_length_0_is_as_far_as_any_from_all() -> None:
    assert neighbour_score(np.eye(2), np.zeros((1, 2)), 1)[0] == pytest.approx(-math.sqrt(2))
