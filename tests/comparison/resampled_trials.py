"""Trials of resampled differences: two models of the same quality, on test examples and seeds that are drawn anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench_suite.comparison import rescoring
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.strategies import with_seeds
from bench_suite.stats.paired import Difference, resampled_difference

RESAMPLES = 200
"Fewer than the program's, which are more exact."
SEPARATION = 2.0
"Distance between the classes' mean scores, in standard deviations."
NOISE = 0.7
"Standard deviation of a model's own part of each score."
SPREAD = 0.1
"Standard deviation between seeds of the distance between the classes."
Weighted = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"A metric of scores (n,) and positives (n,) under weights (B, n) of the examples: (B,)."


def _cumulated(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of the positives by descending score, and the sums of all and of the positives' weights."""
    sorted_weights = weights[:, np.argsort(-scores, kind="stable")]
    of_positives = sorted_weights * positive[np.argsort(-scores, kind="stable")]
    return of_positives, np.stack([sorted_weights.cumsum(axis=1), of_positives.cumsum(axis=1)])


def roc_auc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve; scores have no ties, except of an example with itself."""
    of_positives, (total, true) = _cumulated(scores, positive, weights)
    negatives = total[:, -1:] - true[:, -1:]
    below = negatives - (total - true)
    return (of_positives * below).sum(axis=1) / (true[:, -1] * negatives[:, 0])


def average_precision(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Σ (gain in recall) · precision, over the examples by descending score."""
    of_positives, (total, true) = _cumulated(scores, positive, weights)
    return (of_positives * true / np.maximum(total, 1)).sum(axis=1) / true[:, -1]


def macro_f1(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of the F1 of both classes, for the threshold of equal posterior odds."""
    share = np.clip(positive.mean(), 0.01, 0.99)
    predicted = scores > SEPARATION / 2 + math.log((1 - share) / share) / SEPARATION
    f1 = []
    for side in (False, True):
        guesses, members = predicted == side, positive == side
        f1.append(2 * (weights @ (guesses & members)) / (weights @ guesses + weights @ members))
    return np.asarray(np.mean(f1, axis=0))


METRICS: dict[str, Weighted] = {"roc_auc": roc_auc, "average_precision": average_precision, "macro_f1": macro_f1}


def delong_error(base: np.ndarray, head: np.ndarray, positive: np.ndarray) -> float:
    """Return the standard error of the difference of two areas (DeLong et al. 1988, doi 10.2307/2531595)."""
    parts = []
    for scores in (base, head):
        above = (scores[positive][:, None] > scores[~positive]) + 0.5 * (scores[positive][:, None] == scores[~positive])
        parts.append((above.mean(axis=1), above.mean(axis=0)))
    of_positives, of_negatives = (parts[1][side] - parts[0][side] for side in (0, 1))
    return math.sqrt(of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives))


@dataclass(frozen=True)
class Trials:
    """Results of one setting."""

    coverage: float
    "Share of the 95 % intervals of examples and seeds together that contain the true difference, 0."
    error_ratio: float
    "Root of the mean estimated variance, divided by the standard deviation of the differences."
    alone: float
    "Share of false alarms at 1 %, one-sided, averaged over both directions, of that test alone."
    judged: float
    "The same with the rule that the seeds alone must agree."
    delong_ratio: float
    "Mean ratio of the standard errors by resampling and by DeLong, for the area of one seed; else not a number."


def run_trials(name: str, n: int, share: float, seeds: int, trials: int, seed: int = 0) -> Trials:
    """Compare two models of the same quality again and again.

    Args:
        name: the metric.
        n: number of test examples.
        share: share of positive examples.
        seeds: number of seeds.
        trials: number of comparisons.
        seed: seed of the simulation.
    """
    random = np.random.default_rng(seed)
    differences, ratios, alarms, judged = [], [], [], []
    for _ in range(trials):
        positive = random.random(n) < share
        if positive.sum() < 2:
            continue
        common = random.normal(0, 1, n)
        spread = random.normal(0, SPREAD, (2, seeds, 1)) if seeds > 1 else 0.0
        scores = common + (SEPARATION + spread) * positive + random.normal(0, NOISE, (2, seeds, n))
        difference, values = resampled(METRICS[name], scores, positive, random)
        differences.append(difference)
        evidence = with_seeds(difference, values, 1.0)
        main = Evidence(difference)
        alarms += [main.p_regressed(0.0) <= 0.01, main.p_not_worse(0.0) <= 0.01]
        judged += [evidence.p_regressed(0.0) <= 0.01, evidence.p_not_worse(0.0) <= 0.01]
        if name == "roc_auc" and seeds == 1:
            ratios.append(difference.error / delong_error(scores[0, 0], scores[1, 0], positive))
    covered = [low <= 0 <= high for low, high in (difference.interval() for difference in differences)]
    errors = np.mean([difference.variance for difference in differences])
    deviation = np.std([difference.value for difference in differences])
    return Trials(
        float(np.mean(covered)), math.sqrt(errors) / float(deviation), float(np.mean(alarms)), float(np.mean(judged)),
        float(np.mean(ratios)) if ratios else math.nan,
    )  # fmt: skip


def resampled(
    metric: Weighted, scores: np.ndarray, positive: np.ndarray, random: np.random.Generator
) -> tuple[Difference, list[tuple[float, float]]]:
    """Return the difference of scores (2, S, n) as a comparison finds it, and the values of base and head by seed."""
    n = len(positive)
    weights = random.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64)
    weights = weights[weights @ positive > 0]
    values = [(float(metric(base, positive, np.ones((1, n)))[0]), float(metric(head, positive, np.ones((1, n)))[0]))
              for base, head in zip(*scores)]  # fmt: skip
    draws = np.stack([metric(head, positive, weights) - metric(base, positive, weights) for base, head in zip(*scores)])
    df, weight = rescoring._class_weights(positive.astype(int))
    difference = resampled_difference(
        [head - base for base, head in values], draws.T, n, df=min(df, n - 1), weight=weight
    )
    return difference, values
