"""Membership: how well a score separates members from non-members: area, advantage, and rates at few false positives.

A score is higher the likelier an example is a member. Nothing here depends on how many members there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench_suite.contracts import Interval
from bench_suite.stats.proportions import wilson

Clusters = tuple[np.ndarray | None, np.ndarray | None]
"Labels (m,) of members and (n,) of non-members: examples of one label are not independent. None if all are."

LEVEL = 0.95
Z = 1.959963984540054
"Normal quantile of a two-sided interval of `LEVEL`."


def area(
    members: np.ndarray, non_members: np.ndarray, clusters: Clusters = (None, None)
) -> tuple[float, Interval | None]:
    """Return the chance that a member has a higher score than a non-member, ties counted half, and its interval.

    The interval is ± 1.96 √(s₁² / m + s₂² / n) of the members' and non-members' mean placements (DeLong et al. 1988),
    cut at 0 and 1; None if neither varies. With clusters, the sums of placements over whole clusters vary (Obuchowski
    1997), as if no cluster had members and non-members.

    Args:
        members: (m,) scores.
        non_members: (n,) scores.
        clusters: of both.
    """
    of_members = _placements(members, non_members)
    value = float(of_members.mean())
    of_others = 1.0 - _placements(non_members, members)
    variances = [_variance_of_mean(of, labels) for of, labels in zip((of_members, of_others), clusters)]
    if any(math.isnan(variance) for variance in variances) or sum(variances) == 0.0:
        return value, None
    over: Literal["examples", "clusters"] = "examples" if all(one is None for one in clusters) else "clusters"
    half = Z * math.sqrt(sum(variances))
    return value, Interval(max(0.0, value - half), min(1.0, value + half), LEVEL, over)


def _variance_of_mean(values: np.ndarray, labels: np.ndarray | None) -> float:
    """Return the variance of the mean of values (n,), whose sums over clusters vary; nan for fewer than two of them."""
    residuals = values - values.mean()
    if labels is not None:
        residuals = np.bincount(np.unique(labels, return_inverse=True)[1], weights=residuals)
    units = len(residuals)
    return math.nan if units < 2 else float((residuals**2).sum()) * units / (units - 1) / len(values) ** 2


def _placements(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return for each score the share of the others that are below it, ties counted half."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    return np.asarray(below + up_to, dtype=np.float64) / (2.0 * len(others))


@dataclass(frozen=True)
class Advantage:
    """The true less the false positive rate of thresholds that were chosen on other examples."""

    value: float
    interval: Interval
    "Newcombe's interval of a difference of two proportions (1998, method 10)."


def advantage(members: np.ndarray, non_members: np.ndarray, random: np.random.Generator) -> Advantage:
    """Return the advantage of the best threshold, without the bias of choosing it on the examples that it is judged by.

    Members and non-members are halved at random. The threshold with the greatest advantage on one half decides about
    the other half, and the decisions of both halves are counted together. The greatest advantage on the same examples
    would be above 0 even for scores that know nothing.

    Args:
        members: (m,) scores, at least two.
        non_members: (n,) scores, at least two.
        random: draws the halves.
    """
    first, others = _halves(len(members), random), _halves(len(non_members), random)
    true = false = 0
    for half in (0, 1):
        threshold = _best_threshold(members[first == half], non_members[others == half])
        true += int((members[first != half] >= threshold).sum())
        false += int((non_members[others != half] >= threshold).sum())
    rate, false_rate = true / len(members), false / len(non_members)
    own, other = wilson(true, len(members)), wilson(false, len(non_members))
    below = math.hypot(rate - own.low, other.high - false_rate)
    above = math.hypot(own.high - rate, false_rate - other.low)
    value = rate - false_rate
    return Advantage(value, Interval(max(-1.0, value - below), min(1.0, value + above), LEVEL))


def _halves(count: int, random: np.random.Generator) -> np.ndarray:
    return random.permutation(count) % 2


def _best_threshold(members: np.ndarray, non_members: np.ndarray) -> float:
    """Return the lowest score of a member with the greatest true less false positive rate; ∞ if none is above 0."""
    cuts = np.unique(members)
    true = 1.0 - np.searchsorted(np.sort(members), cuts, "left") / len(members)
    false = 1.0 - np.searchsorted(np.sort(non_members), cuts, "left") / len(non_members)
    gains = true - false
    best = int(np.argmax(gains))
    return float(cuts[best]) if gains[best] > 0.0 else math.inf


def hits_at(members: np.ndarray, non_members: np.ndarray, false_positive_rate: float) -> tuple[int, int]:
    """Return how many members, and how many non-members, lie above the lowest threshold that a rate allows.

    At most ⌊rate · n⌋ of the n non-members lie above the threshold. Examples with equal scores are above it together,
    or not at all: there is no drawing of lots.

    Args:
        members: (m,) scores.
        non_members: (n,) scores.
        false_positive_rate: the rate, such as 0.01.
    """
    allowed = math.floor(false_positive_rate * len(non_members) + 1e-9)
    ranked = np.sort(non_members)[::-1]
    threshold = ranked[allowed] if allowed < len(ranked) else -math.inf
    return int((members > threshold).sum()), int((non_members > threshold).sum())


def curve(members: np.ndarray, non_members: np.ndarray, points: int = 64) -> list[list[float]]:
    """Return the ROC curve as [false, true] positive rates at up to `points` of the former, even on a log scale.

    It begins at one false positive, since a logarithmic axis has no 0.
    """
    counts = np.unique(np.geomspace(1, len(non_members), points).round().astype(np.int64))
    ranked, ordered = np.sort(non_members)[::-1], np.sort(members)
    thresholds = np.append(ranked[counts[counts < len(ranked)]], -np.inf)
    true = 1.0 - np.searchsorted(ordered, thresholds, "right") / len(members)
    return [[float(count / len(non_members)), float(rate)] for count, rate in zip(counts, true)]
