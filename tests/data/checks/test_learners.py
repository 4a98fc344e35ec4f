"""The classifiers of the costly checks: probabilities are held out, and equal examples share a fold."""

from __future__ import annotations

import numpy as np

from bench_suite.data.checks.learners import features_of, folds_of, held_out_probabilities


def test_probabilities_of_noise_know_nothing_of_their_own_label(random) -> None:
    """A forest that saw the labels would give them 0.6 and more."""
    labels, features = random.integers(0, 2, 400), random.normal(size=(400, 3))
    probabilities = held_out_probabilities("table", features, labels, folds_of(np.arange(400), 5), 2)
    own = probabilities[np.arange(400), labels].mean()
    assert abs(own - 0.5) < 0.05
    assert np.allclose(probabilities.sum(axis=1), 1.0)


def test_folds_are_even_equal_for_equal_contents_and_new_in_each_repeat(random) -> None:
    contents = random.integers(0, 2**44, 5000)
    first, second = folds_of(contents, 5), folds_of(contents, 5, repeat=1)
    assert (first == folds_of(contents[::-1], 5)[::-1]).all()
    assert np.bincount(first).min() > 900
    assert 0.1 < (first == second).mean() < 0.3


def test_every_modality_has_features(random) -> None:
    rows = np.array([2, 0])
    assert features_of("table", np.eye(3), rows).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert features_of("image", random.integers(0, 256, (3, 40, 30, 3), dtype=np.uint8), rows).shape == (2, 20 * 30)
    assert features_of("text", ["a good film", "x", "bad plot"], rows).shape[0] == 2
    assert features_of("text", ["…", "", "!"], rows).shape == (2, 1), "no text has a word"
