"""Scores: how much an example looks like those that a model was trained on, larger for the familiar ones.

Each function takes arrays and returns (n,) float64. Only the order of the values matters for detection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CHUNK = 512
"Examples whose distances to all training examples are computed at once."
ROUNDING = 4.0 * float(np.finfo(np.float32).eps)
"Relative error of a feature that a network computed in 32 bits."


def likeliest_class(logits: np.ndarray) -> np.ndarray:
    """Return the log odds of the likeliest class, which rank examples as the maximum softmax probability does.

    With p = max softmax, the value is log(p / (1 − p)) = z₁ − log Σ exp zⱼ over the other classes. A softmax in 32 bits
    is 1 for all examples whose p exceeds 1 − 6e-8, so that it could not rank them.

    Source: Hendrycks and Gimpel 2017, arXiv 1610.02136.

    Args:
        logits: (n, classes), two classes or more.
    """
    ordered = np.sort(np.asarray(logits, dtype=np.float64), axis=1)
    return ordered[:, -1] - _log_sum_exp(ordered[:, :-1])


def negative_energy(logits: np.ndarray) -> np.ndarray:
    """Return log Σ exp zⱼ, the negative energy at temperature 1.

    Source: Liu et al. 2020, arXiv 2010.03759.

    Args:
        logits: (n, classes); log probabilities would have a value of 0 for each example.
    """
    return _log_sum_exp(np.asarray(logits, dtype=np.float64))


def _log_sum_exp(values: np.ndarray) -> np.ndarray:
    highest = values.max(axis=1, keepdims=True)
    sums: np.ndarray = highest[:, 0] + np.log(np.exp(values - highest).sum(axis=1))
    return sums


# ── distances of features ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class ClassGaussians:
    """Gaussians of the features of each class, with one covariance for all of them.

    Source: Lee et al. 2018, arXiv 1807.03888, without its input preprocessing and its ensemble of layers.
    """

    means: np.ndarray
    "(classes, r): the means, in the space where the covariance is the identity."
    centre: np.ndarray
    "(d,): subtracted from features."
    whitening: np.ndarray
    "(d, r): from features to that space. r is the number of directions in which features vary within the classes."

    @classmethod
    def fit(cls, features: np.ndarray, targets: np.ndarray) -> ClassGaussians:
        """Estimate means and covariance of training features.

        Directions without variance are left out, as by a pseudo-inverse: units that are never active, for example.

        Args:
            features: (n, d).
            targets: (n,) class numbers; classes that do not occur have no Gaussian.
        """
        values = np.asarray(features, dtype=np.float64)
        centre = values.mean(axis=0)
        values = values - centre
        numbers = np.unique(targets, return_inverse=True)[1]
        counts = np.bincount(numbers)
        means = np.zeros((len(counts), values.shape[1]))
        np.add.at(means, numbers, values)
        means /= counts[:, None]
        within = values - means[numbers]
        variances, directions = np.linalg.eigh(within.T @ within / len(values))
        least = max(
            variances[-1] * values.shape[1] * np.finfo(np.float64).eps,
            (ROUNDING * float(np.abs(features).max(initial=0.0))) ** 2,
        )
        varying = variances > least
        whitening = directions[:, varying] / np.sqrt(variances[varying])
        return cls(means @ whitening, centre, whitening)

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return minus the squared Mahalanobis distance to the nearest mean.

        Args:
            features: (n, d).
        """
        values = (np.asarray(features, dtype=np.float64) - self.centre) @ self.whitening
        nearest = np.full(len(values), np.inf)
        for mean in self.means:
            nearest = np.minimum(nearest, ((values - mean) ** 2).sum(axis=1))
        return -nearest


def neighbour_score(
    train: np.ndarray, features: np.ndarray, k: int, on_progress: Callable[[int], None] | None = None
) -> np.ndarray:
    """Return minus the Euclidean distance to the k-th nearest training example, of features scaled to length 1.

    Source: Sun et al. 2022, arXiv 2204.06507.

    Args:
        train: (m, d) training features, m ≥ k.
        features: (n, d).
        k: 1 for the nearest.
        on_progress: called with the number of examples that are done.
    """
    references = _unit_length(train)
    values = _unit_length(features)
    scores = np.empty(len(values))
    for start in range(0, len(values), CHUNK):
        similar = values[start : start + CHUNK] @ references.T
        kth = -np.partition(-similar, k - 1, axis=1)[:, k - 1]
        scores[start : start + CHUNK] = -np.sqrt(np.maximum(2.0 - 2.0 * kth.astype(np.float64), 0.0))
        if on_progress is not None:
            on_progress(min(start + CHUNK, len(values)))
    return scores


def _unit_length(features: np.ndarray) -> np.ndarray:
    values = np.asarray(features, dtype=np.float32)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: np.ndarray = values / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled
