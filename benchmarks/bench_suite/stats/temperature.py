"""Temperature: one number that divides all logits, fitted by the log loss (Guo et al. 2017, arXiv 1706.04599).

Scores are probabilities, so the logits are their logarithms: softmax(log p / T) is the same for every constant that is
added to the logits of an example.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Interval

RANGE = (1e-3, 1e3)
"Inverse temperatures that are searched."


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature: above 1 the scores were too sure, below 1 too unsure."""

    value: float
    interval: Interval | None
    n: int
    "Examples that it was fitted on."


def logits_of(scores: np.ndarray) -> np.ndarray:
    """Return the logarithms of probabilities (n, classes) as float64, clipped at the epsilon of their type."""
    return np.asarray(np.log(np.maximum(scores, np.finfo(scores.dtype).eps).astype(np.float64)))


def scaled(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log p / T), (n, classes) float64."""
    return _softmax(logits_of(scores) / temperature)


def fit_temperature(targets: np.ndarray, scores: np.ndarray, level: float = 0.95) -> Temperature:
    """Return the temperature with the least log loss, and its interval over examples.

    The loss is convex in β = 1/T. Its derivative is the mean of gᵢ = Σ_k q_ik z_ik − z_i,yᵢ, with logits z and q the
    softmax of βz, and the root of it is found by Brent's method. The interval is that of an M-estimator (Huber 1967):
    the standard error of β is √(mean g² / n) / mean Var_q(z), and that of log T is this error divided by β.

    Args:
        targets: (n,) class numbers.
        scores: (n, classes) probabilities.
        level: confidence level, in (0, 1).

    Raises:
        ValueError: the best temperature is 0, infinite or negative; the message says why.
    """
    from scipy import optimize, special

    logits = logits_of(scores)
    logits -= logits.max(axis=1, keepdims=True)
    of_truth = logits[np.arange(len(targets)), targets]

    def derivative(beta: float) -> float:
        return float((_softmax(beta * logits) * logits).sum(axis=1).mean() - of_truth.mean())

    if not np.ptp(logits, axis=1).any():
        raise ValueError("all scores of each example are equal, and no temperature changes that")
    if derivative(RANGE[0]) >= 0:
        raise ValueError("classes with higher scores are not more often the true ones, so no temperature helps")
    if derivative(RANGE[1]) <= 0:
        raise ValueError("the likeliest class is always the true one, so the best temperature is 0")
    beta = float(optimize.brentq(derivative, *RANGE, xtol=1e-12, rtol=1e-12))
    shares = _softmax(beta * logits)
    means = (shares * logits).sum(axis=1)
    variance = float(((shares * logits**2).sum(axis=1) - means**2).mean())
    error = math.sqrt(float(np.square(means - of_truth).mean()) / len(targets)) / variance / beta
    factor = math.exp(float(special.ndtri((1 + level) / 2)) * error)
    return Temperature(1 / beta, Interval(1 / beta / factor, factor / beta, level), len(targets))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
