"""Attacks with shadow models: how much likelier a model's answer is if it was trained on the example.

Each of S shadow models was trained on a random half of a pool of examples. The logit of an example is the logarithm of
the odds of its true class. In shapes, A is the number of examples that are attacked.
"""

from __future__ import annotations

import numpy as np

MANY = 64
"Shadow models from which each example has variances of its own; with fewer, all examples share them."
MIN_VARIANCE = 1e-8
"Least variance of logits: models that all agree have none."
GAMMA = 1.0
"""How many times likelier than a population's example an example must be to count (RMIA's γ). With 2, models whose
probabilities differ little give most examples the same score."""


def online_scores(logits: np.ndarray, shadows: np.ndarray, included: np.ndarray) -> np.ndarray:
    """Return (A,) log N(φ | in) − log N(φ | out): the online likelihood-ratio attack.

    Source: Carlini et al. 2022, arXiv 2112.03570, algorithm 1. The normal distributions have the means of the shadow
    models with and without the example, and the variance of its own models, or the mean variance of all examples.

    Args:
        logits: (A,) of the attacked model.
        shadows: (S, A) of the shadow models.
        included: (S, A) bool, whether a shadow model was trained on an example; at least two of both for each example.
    """
    mean_in, variance_in = _moments(shadows, included)
    mean_out, variance_out = _moments(shadows, ~included)
    return _log_normal(logits, mean_in, variance_in) - _log_normal(logits, mean_out, variance_out)


def offline_scores(logits: np.ndarray, shadows: np.ndarray, included: np.ndarray) -> np.ndarray:
    """Return (A,) (φ − mean out) / deviation out: the offline attack, which uses models without the example only.

    Source: Carlini et al. 2022, arXiv 2112.03570, section VI C. Arguments as of `online_scores`.
    """
    mean_out, variance_out = _moments(shadows, ~included)
    return (logits - mean_out) / np.sqrt(variance_out)


def relative_scores(probabilities: np.ndarray, shadows: np.ndarray, members: int, gamma: float = GAMMA) -> np.ndarray:
    """Return (A,) the share of non-members z with (p(x) / p̄(x)) / (p(z) / p̄(z)) ≥ γ: the attack RMIA.

    p is the probability of the true class under the attacked model, p̄ its mean over all shadow models, of which half
    contain the example. Source: Zarifzadeh et al. 2024, arXiv 2312.03262.

    Args:
        probabilities: (A,) of the attacked model.
        shadows: (S, A) of the shadow models.
        members: number of members, which come first; the others are the non-members.
        gamma: γ, at least 1.
    """
    least = float(np.finfo(np.float64).tiny)
    ratios = np.maximum(probabilities, least) / np.maximum(shadows.mean(axis=0), least)
    population = np.sort(ratios[members:])
    return np.searchsorted(population, ratios / gamma, "right") / len(population)


def _moments(shadows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of the chosen shadow models, each (A,)."""
    counts = chosen.sum(axis=0)
    mean = np.where(chosen, shadows, 0.0).sum(axis=0) / counts
    squares = np.where(chosen, (shadows - mean) ** 2, 0.0).sum(axis=0)
    if len(shadows) >= MANY:
        variance = squares / (counts - 1)
    else:
        variance = np.full(len(mean), squares.sum() / (counts - 1).sum())
    return mean, np.maximum(variance, MIN_VARIANCE)


def _log_normal(values: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return -0.5 * (np.log(variance) + (values - mean) ** 2 / variance)
