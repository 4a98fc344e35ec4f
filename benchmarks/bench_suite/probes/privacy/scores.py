"""Scores: how sure a model is of an example, from its predictions alone; higher for members that it memorised."""

from __future__ import annotations

import numpy as np

from bench_suite.contracts import Predictions
from bench_suite.stats.probabilities import require_probabilities

SMALLEST = float(np.finfo(np.float32).tiny)


class NoScore(Exception):
    """An attack that these predictions do not allow; the message is the reason."""


def attack_scores(attack: str, predictions: Predictions) -> np.ndarray:
    """Return (n,) scores of an attack, each higher the surer the model is.

    `loss` ranks examples by their loss (Yeom et al. 2018, arXiv 1709.01604): for classes by the log-odds of the true
    class, which are ordered as the loss is and do not round to one value for sure models; for a regression by the
    absolute error. `confidence` ranks by the log-odds of the likeliest class, without labels (Salem et al. 2019, arXiv
    1806.01246, adversary 3).

    Raises:
        NoScore: the model returns no probabilities, or the attack is for classes only.
    """
    if predictions["predictions"].dtype.kind not in "iu":
        if attack != "loss":
            raise NoScore("the attack by confidence needs classes")
        return -np.abs(np.asarray(predictions["predictions"], dtype=np.float64) - predictions["targets"])
    if attack == "loss":
        return logits_of(predictions, predictions["targets"])
    return logits_of(predictions, probabilities_of(predictions).argmax(axis=1))


def probabilities_of(predictions: Predictions) -> np.ndarray:
    """Return (n, classes) float64 probabilities; raise NoScore if there are none."""
    if "scores" not in predictions.columns:
        raise NoScore("the model returns no scores")
    scores = np.asarray(predictions["scores"])
    try:
        require_probabilities(scores)
    except ValueError as error:
        raise NoScore(str(error)) from None
    return scores.astype(np.float64)


def logits_of(predictions: Predictions, classes: np.ndarray) -> np.ndarray:
    """Return (n,) log p(c) − log Σ p(other classes), for a class c of each example; raise NoScore if there are none."""
    scores = probabilities_of(predictions)
    rows = np.arange(len(scores))
    own = scores[rows, classes]
    others = scores.copy()
    others[rows, classes] = 0.0
    return np.log(np.maximum(own, SMALLEST)) - np.log(np.maximum(others.sum(axis=1), SMALLEST))
